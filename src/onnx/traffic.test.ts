import { expect, test } from "vitest";
import { withDtype } from "../export/dtype-graph.ts";
import { constantWeight } from "../transformer/weight.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { countTraffic } from "./traffic.ts";

/** A table of 100 rows of 32, a matrix 32 × 64, a bias of 64. */
function example() {
  const graph = new GraphBuilder("example");
  const zeros = (name: string, ...shape: number[]) =>
    graph.weight(constantWeight(name, shape, new Float32Array(shape.reduce((a, b) => a * b, 1))));
  const ids = graph.input("ids", "int64", ["batch"]);
  const rows = graph.gather(zeros("table", 100, 32), ids);
  graph.output("y", graph.add(graph.matMul(rows, zeros("matrix", 32, 64)), zeros("bias", 64)));
  return graph.build();
}

test("rows of a table, matrices whole, what comes in and goes out", () => {
  const ends = (batch: number) => 8 * batch + 4 * 64 * batch;
  const body = 4 * (32 * 64 + 64);
  expect(countTraffic(example(), { batch: 3 })).toBe(3 * 32 * 4 + body + ends(3));
  // Never more than the whole table.
  expect(countTraffic(example(), { batch: 1000 })).toBe(100 * 32 * 4 + body + ends(1000));
});

test("narrow weights by what is read: float16 is widened when it is loaded, int8 is not", () => {
  const ends = 8 + 4 * 64;
  expect(countTraffic(withDtype(example(), "f16"), { batch: 1 })).toBe(32 * 2 + 4 * (32 * 64 + 64) + ends);
  // One scale a row, and one for every column.
  const int8 = 32 + 4 + (32 * 64 + 4 * 64) + 4 * 64;
  expect(countTraffic(withDtype(example(), "int8"), { batch: 1 })).toBe(int8 + ends);
});
