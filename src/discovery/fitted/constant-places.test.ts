import { describe, expect, test } from "vitest";
import { randomTransformer } from "../../../test/support/random-transformer.ts";
import { circuitOfLists, wholeCircuit } from "../../transformer/circuit.ts";
import { shapeOf } from "../../transformer/component.ts";
import { constantPlaces, gatherConstants, joinConstants, spreadConstants } from "./constant-places.ts";

const model = randomTransformer({ layers: 3, heads: 2, hidden: 4 });
const placesOf = (circuit: ReturnType<typeof circuitOfLists>, of = model) =>
  constantPlaces(of, circuit).map(({ layer, after }) => `${layer} ${after}`);

describe("one vector stands before each remaining reader, behind the last part before it", () => {
  test("what is pruned below the first reader, between two readers, and above the last", () => {
    // The heads of layer 0 are gone, and its MLP reads; then nothing reads before the heads of layer 2.
    const circuit = circuitOfLists({ heads: [[2, 1]], mlps: [0] });
    expect(placesOf(circuit)).toEqual(["0 heads", "1 mlps", "2 mlps"]);
  });

  test("a reader before which nothing was pruned has none", () => {
    const circuit = circuitOfLists({
      heads: [0, 1, 2].flatMap((layer) => [0, 1].map((head) => [layer, head] as const)),
      mlps: [0, 2],
      neurons: [[1, [0, 3]]],
    });
    // Layer 1 keeps two of four neurons, so the heads of layer 2 are the only ones that miss something.
    expect(placesOf(circuit)).toEqual(["1 mlps"]);
    expect(placesOf(wholeCircuit(shapeOf(model)))).toEqual([]);
  });

  test("where all is pruned, the unembedding alone reads", () => {
    expect(placesOf(circuitOfLists({ heads: [], mlps: [] }))).toEqual(["2 mlps"]);
  });

  test("in a parallel layer both parts read the same stream", () => {
    const parallel = randomTransformer({ layers: 2, heads: 2, hidden: 4, arrangement: "parallel" });
    const circuit = circuitOfLists({ heads: [[0, 1]], mlps: [0, 1] });
    // Half of the heads of layer 0, and all of those of layer 1.
    expect(placesOf(circuit, parallel)).toEqual(["0 mlps", "1 mlps"]);
  });
});

test("vectors after several parts of a stretch are one vector before its reader", () => {
  const places = constantPlaces(model, circuitOfLists({ heads: [[2, 1]], mlps: [0] }));
  const after = (first: number) =>
    [0, 1, 2].map((layer) => new Float64Array(model.width).fill(first + layer));
  // Before MLP 0: heads 0. Before heads 2: MLP 0, heads 1 and MLP 1. Before the unembedding: heads 2 and MLP 2.
  const joined = joinConstants(places, { heads: after(1), mlps: after(10) });
  expect([0, 1, 2].map((at) => joined[at * model.width])).toEqual([1, 10 + 2 + 11, 3 + 12]);
});

test("values are spread to their places and gathered again", () => {
  const places = [
    { layer: 0, after: "heads" },
    { layer: 2, after: "mlps" },
  ] as const;
  const values = Float64Array.from({ length: 2 * model.width }, (_, at) => at + 1);
  const constants = spreadConstants(model, places, values);
  expect(constants.heads[0]?.[0]).toBe(1);
  expect(constants.mlps[2]?.[0]).toBe(model.width + 1);
  expect([...constants.heads.slice(1), ...constants.mlps.slice(0, 2)].flatMap((own) => [...own])).toEqual(
    Array(4 * model.width).fill(0),
  );
  expect(gatherConstants(places, constants)).toEqual(values);
});
