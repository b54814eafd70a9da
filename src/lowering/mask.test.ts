import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { causalMask, maskFrom, mayLook } from "./mask.ts";

const picture = (values: ArrayLike<number>): string =>
  Array.from(values, (value) => (value === 0 ? "." : "x")).join("");

test("a query sees itself and what is before it", () => {
  const values = Array.from(causalMask(3));
  expect(picture(values)).toBe(".xx..x...");
  expect(values.every((value) => value === 0 || value < -1e38)).toBe(true);
  // Finite: an addition of a score must not make NaN or −∞ of it.
  expect(values.every(Number.isFinite)).toBe(true);
});

test("with a window of two it sees itself and one before it", () => {
  expect(picture(causalMask(4, 2))).toBe(".xxx..xxx..xxx..");
});

test.each([undefined, 1, 2, 3, 9])("a graph and a tensor agree, window %s", async (window) => {
  const graph = new GraphBuilder("test");
  const positions = [0, 1, 2, 3, 4];
  const allowed = mayLook(
    graph,
    graph.integers([5, 1], positions),
    graph.integers([1, 5], positions),
    window,
  );
  graph.output("mask", maskFrom(graph, allowed));
  const { mask } = await runGraph(graph.build(), {});
  expect(Float32Array.from(mask?.values ?? [])).toEqual(causalMask(5, window));
});
