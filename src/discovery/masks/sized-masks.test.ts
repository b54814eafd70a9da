import fc from "fast-check";
import { expect, test } from "vitest";
import { scoreGradient, sizedMask } from "./sized-masks.ts";

const sizeOf = (mask: Float64Array, costs: Float64Array) =>
  mask.reduce((sum, value, at) => sum + value * (costs[at] ?? 0), 0);

test("equal scores share the size equally, by a threshold that can be worked out by hand", () => {
  const costs = Float64Array.of(1, 2, 5);
  const { mask, threshold } = sizedMask(new Float64Array(3), costs, 2, 0.5);
  // σ(−τ/T) = 1/4, so τ = T·ln 3.
  expect(threshold).toBeCloseTo(0.5 * Math.log(3), 10);
  for (const value of mask) expect(value).toBeCloseTo(0.25, 10);
});

const scored = fc.array(
  fc.record({ score: fc.double({ min: -5, max: 5, noNaN: true }), cost: fc.integer({ min: 1, max: 1000 }) }),
  { minLength: 1, maxLength: 30 },
);

test("a mask has the size asked for, and higher scores have higher masks", () => {
  fc.assert(
    fc.property(scored, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (units, share) => {
      const scores = Float64Array.from(units, ({ score }) => score);
      const costs = Float64Array.from(units, ({ cost }) => cost);
      const size = share * costs.reduce((sum, cost) => sum + cost, 0);
      const { mask } = sizedMask(scores, costs, size, 0.5);
      expect(sizeOf(mask, costs) / size).toBeCloseTo(1, 8);
      const order = [...scores.keys()].sort((one, other) => (scores[one] ?? 0) - (scores[other] ?? 0));
      for (const [at, unit] of order.entries())
        expect(mask[unit]).toBeGreaterThanOrEqual(mask[order[at - 1] ?? unit] ?? 0);
    }),
  );
});

test("sizes at the ends are nothing and all", () => {
  const costs = Float64Array.of(1, 3);
  const scores = Float64Array.of(0.3, -0.2);
  expect(Math.max(...sizedMask(scores, costs, 0, 0.5).mask)).toBeLessThan(1e-9);
  expect(Math.min(...sizedMask(scores, costs, 4, 0.5).mask)).toBeGreaterThan(1 - 1e-9);
});

test("the gradient is that of the loss along scores at a fixed size", () => {
  fc.assert(
    fc.property(scored, fc.double({ min: 0.2, max: 0.8, noNaN: true }), (units, share) => {
      const scores = Float64Array.from(units, ({ score }) => score / 2);
      const costs = Float64Array.from(units, ({ cost }) => cost);
      const size = share * costs.reduce((sum, cost) => sum + cost, 0);
      const weights = units.map((_, at) => Math.sin(at + 1));
      // loss = Σ w_j m_j², so ∂loss/∂m_j = 2 w_j m_j.
      const lossAt = (own: Float64Array) =>
        sizedMask(own, costs, size, 0.5).mask.reduce((sum, m, at) => sum + (weights[at] ?? 0) * m * m, 0);
      const { mask } = sizedMask(scores, costs, size, 0.5);
      const gradient = mask.map((m, at) => 2 * (weights[at] ?? 0) * m);
      const found = scoreGradient(mask, gradient, costs, 0.5);
      const step = 1e-4;
      for (const at of scores.keys()) {
        const moved = (by: number) => lossAt(scores.map((score, index) => score + (index === at ? by : 0)));
        expect(found[at]).toBeCloseTo((moved(step) - moved(-step)) / (2 * step), 5);
      }
    }),
    { numRuns: 30 },
  );
});
