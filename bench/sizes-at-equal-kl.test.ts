import { expect, test } from "vitest";
import { sizesAtEqualKl } from "./sizes-at-equal-kl.ts";

test("sizes at equal KL, by hand", () => {
  const first = [
    { kl: 0.4, size: 20 },
    { kl: 0.1, size: 40 },
    // A smaller one has less KL: this one does not count.
    { kl: 0.2, size: 60 },
  ];
  const second = [
    { kl: 0.2, size: 30 },
    { kl: 0.8, size: 10 },
  ];
  // 0.2 is half way from 0.1 to 0.4 by its logarithm, 0.4 half way from 0.2 to 0.8. At 0.1 there is no second one, at
  // 0.8 no first one.
  const [low, high, ...others] = sizesAtEqualKl(first, second);
  expect(others).toEqual([]);
  expect(low).toMatchObject({ kl: 0.2, second: 30 });
  expect(low?.first).toBeCloseTo(30, 10);
  expect(high).toMatchObject({ kl: 0.4, first: 20 });
  expect(high?.second).toBeCloseTo(20, 10);
});

test("kinds whose KLs don't meet have nothing in common", () => {
  expect(sizesAtEqualKl([{ kl: 0.1, size: 1 }], [{ kl: 0.2, size: 1 }])).toEqual([]);
  expect(sizesAtEqualKl([], [{ kl: 0.2, size: 1 }])).toEqual([]);
});
