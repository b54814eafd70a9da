import { expect, test } from "vitest";
import type { SweepRow } from "./sweep-row.ts";
import { summarizeSweep } from "./sweep-summary.ts";

const count = (body: number) => ({ body, embedding: 0, bias: 0, total: body });
const row = (
  seed: number,
  alpha: number,
  body: number,
  circuit: number,
  rates?: readonly [number, number],
): SweepRow => ({
  ...{ task: "ioi", seed, ablation: "mean", mlps: true, alpha },
  ...{ heads: [[0, seed]], mlpsKept: [] },
  accuracy: { validation: { original: seed === 0 ? 1 : 0.8, circuit } },
  kl: { validation: alpha },
  parameters: { original: count(100), circuit: count(body) },
  ...(rates && { known: { id: "mine", tpr: rates[0], fpr: rates[1] } }),
});

test("means and sample deviations over seeds, by hand; the original counts once a seed", () => {
  const [setting, ...others] = summarizeSweep([
    row(0, 0.2, 20, 0.5),
    row(0, 0.1, 60, 1),
    row(1, 0.1, 40, 0.8),
    row(1, 0.2, 20, 0.5),
  ]);
  expect(others).toEqual([]);
  expect(setting?.seeds).toEqual([0, 1]);
  expect(setting?.original.validation.count).toBe(2);
  expect(setting?.original.validation.std).toBeCloseTo(0.2 / Math.SQRT2, 12);
  expect(setting?.original.test).toBeUndefined();
  expect(setting?.alphas.map(({ alpha }) => alpha)).toEqual([0.1, 0.2]);
  const [first, second] = setting?.alphas ?? [];
  expect(first?.body.mean).toBeCloseTo(0.5, 12);
  expect(first?.validation.mean).toBeCloseTo(0.9, 12);
  expect(first?.validation.std).toBeCloseTo(0.2 / Math.SQRT2, 12);
  expect(second?.body).toEqual({ mean: 0.2, std: 0, count: 2 });
  expect(setting?.known).toBeUndefined();
});

test("areas under the mean curve, with and without its ends, by hand", () => {
  // Mean points: (fpr, tpr) = (0.5, 1) and (0, 0.5).
  const [setting] = summarizeSweep([
    ...[row(0, 0.1, 9, 1, [1, 0.4]), row(0, 0.2, 9, 1, [0.5, 0])],
    ...[row(1, 0.2, 9, 1, [0.5, 0]), row(1, 0.1, 9, 1, [1, 0.6])],
  ]);
  // Between the two points 0.5 × 0.75, and above the last one 0.5 × 1.
  expect(setting?.known).toEqual({ id: "mine", auc: 0.875, aucWithoutEnds: 0.375 });
});
