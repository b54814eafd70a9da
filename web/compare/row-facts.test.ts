import { describe, expect, test } from "vitest";
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import {
  accuracyOf,
  curveKl,
  describe as describeRow,
  klOf,
  promptsOf,
  rowKey,
  share,
  smallestAtLeast,
} from "./row-facts.ts";

const parameters = (body: number) => ({ body, embedding: 1000, bias: 0, total: body + 1000 });
const validation: SweepRow = {
  ...{ task: "ioi", seed: 3, ablation: "mean", mlps: true, alpha: 0.02, heads: [[0, 1]], mlpsKept: [] },
  accuracy: { validation: { original: 0.9, circuit: 0.8 } },
  kl: { validation: 0.25 },
  parameters: { original: parameters(800), circuit: parameters(200) },
};
const tested: SweepRow = {
  ...validation,
  accuracy: { ...validation.accuracy, test: { original: 0.95, circuit: 0.85 } },
  kl: { validation: 0.25, test: 0.5 },
};

test("a row has its own key, whichever of its settings is another", () => {
  const others: readonly Partial<SweepRow>[] = [
    ...[{}, { seed: 4 }, { ablation: "zero" as const }, { mlps: false }, { alpha: 0.2 }],
  ];
  expect(new Set(others.map((other) => rowKey({ ...validation, ...other }))).size).toBe(5);
});

test("a row in words", () => {
  expect(describeRow(validation)).toBe("α = 0.02, averages");
  expect(describeRow({ ...validation, ablation: "zero", mlps: false })).toBe("α = 0.02, zeros, MLPs stay");
});

test("what is left is of the attention and MLP weights, without embeddings", () => {
  expect(share(validation)).toBe(0.25);
});

describe("figures are of the unseen prompts where there are any", () => {
  test("else of those that chose the circuit", () => {
    expect([promptsOf(validation), klOf(validation)]).toEqual(["validation prompts", 0.25]);
    expect(accuracyOf(validation)).toEqual({ original: 0.9, circuit: 0.8 });
  });

  test("of the unseen", () => {
    expect([promptsOf(tested), klOf(tested)]).toEqual(["unseen prompts", 0.5]);
    expect(accuracyOf(tested)).toEqual({ original: 0.95, circuit: 0.85 });
  });
});

test("a curve's KL is of the prompts that the rows' KL is of", () => {
  const counts = { heads: 1, mlps: 1, neurons: 0 };
  const measured = { ...counts, size: 0.1, kl: { validation: 0.3, test: 0.4 } };
  const point = { ...measured, accuracy: { validation: 1 } };
  expect([curveKl(point, validation), curveKl(point, tested)]).toEqual([0.3, 0.4]);
  expect(curveKl({ ...point, kl: { validation: 0.3 } }, tested)).toBeUndefined();
});

test("the smallest that is right often enough; of equal ones the more accurate", () => {
  const row = (body: number, circuit: number): SweepRow => ({
    ...validation,
    accuracy: { validation: { original: 1, circuit } },
    parameters: { original: parameters(800), circuit: parameters(body) },
  });
  const [large, small, better, wrong] = [row(400, 1), row(200, 0.99), row(200, 0.995), row(100, 0.98)];
  expect(smallestAtLeast([large, small, better, wrong], 0.99)).toBe(better);
  expect(smallestAtLeast([large, wrong], 0.99)).toBe(large);
  expect(smallestAtLeast([wrong], 0.99)).toBeUndefined();
});
