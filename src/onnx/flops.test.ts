import { expect, test } from "vitest";
import { countFlops } from "./flops.ts";
import { GraphBuilder } from "./graph-builder.ts";

test("a product of [m, k] and [k, n] is 2·m·n·k", () => {
  const builder = new GraphBuilder("test");
  builder.matMul(builder.input("a", "float32", [2, 3]), builder.input("b", "float32", [3, 5]));
  expect(countFlops(builder.build(), {})).toBe(60);
});

test("batches multiply, symbols and products of symbols are filled in", () => {
  const builder = new GraphBuilder("test");
  const x = builder.input("x", "float32", ["batch", "sequence", 4]);
  builder.matMul(x, builder.input("w", "float32", [4, 6]));
  const rows = builder.reshape(x, [-1, 4], "batch*sequence");
  builder.matMulTransposed(rows, builder.input("u", "float32", [10, 4]));
  const heads = builder.input("q", "float32", ["batch", 2, "sequence", 3]);
  builder.matMul(heads, builder.transpose(heads, [0, 1, 3, 2]));
  // 7 prompts of 5 tokens: 35 rows · 4 · 6, and · 4 · 10; in each of 7 · 2 heads 5 · 5 scores of 3.
  const expected = 2 * (35 * 4 * 6) + 2 * (35 * 4 * 10) + 2 * (7 * 2 * 5 * 5 * 3);
  expect(countFlops(builder.build(), { batch: 7, sequence: 5 })).toBe(expected);
});

test("only matrix products count", () => {
  const builder = new GraphBuilder("test");
  const x = builder.input("x", "float32", [100, 100]);
  builder.output("y", builder.softmax(builder.exp(builder.add(x, x))));
  expect(countFlops(builder.build(), {})).toBe(0);
});

test("a size that is not given is an error", () => {
  const builder = new GraphBuilder("test");
  const x = builder.input("x", "float32", ["batch", 4]);
  builder.matMul(x, builder.input("w", "float32", [4, 6]));
  expect(() => countFlops(builder.build(), {})).toThrow(/"batch"/);
});
