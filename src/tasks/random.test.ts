import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom, fromState } from "./random.ts";

const take = (random: { nextUint32(): number }, count: number) =>
  Array.from({ length: count }, () => random.nextUint32());

describe("random", () => {
  test("xoshiro128** 1.1 from the state 1, 2, 3, 4 gives the numbers of the reference C code", () => {
    expect(take(fromState([1, 2, 3, 4]), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test.each([
    [0, [3737715805, 2584255861, 2876756834, 3286328325]],
    [1, [1695105466, 1423115009, 634581793, 1068227753]],
    [1234567, [1967786208, 270031234, 1115494691, 824886977]],
    [Number.MAX_SAFE_INTEGER, [1233166643, 1287031142, 661813442, 2960669951]],
  ])("the seed %i, spread by SplitMix64, gives the numbers of the reference C code", (seed, numbers) => {
    expect(take(createRandom(seed), 4)).toEqual(numbers);
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("refuses the seed %d", (seed) => {
    expect(() => createRandom(seed)).toThrow("whole number");
  });

  test("below stays in its bounds, and shuffled keeps every item", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 2 ** 32 }),
        fc.array(fc.nat(99)),
        (seed, bound, items) => {
          const random = createRandom(seed);
          const value = random.below(bound);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThan(bound);
          const shuffled = random.shuffled(items);
          expect(shuffled.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b));
        },
      ),
    );
  });

  test("all orders of three are about equally frequent", () => {
    const random = createRandom(42);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = random.shuffled(["a", "b", "c"]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 1,000 each; five standard deviations are 144.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(144);
  });
});
