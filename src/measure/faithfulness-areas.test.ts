import { expect, test } from "vitest";
import { countAtShare, faithfulnessAreas, faithfulnessOf, mibShares } from "./faithfulness-areas.ts";

test("a circuit that is always faithful has the width of the grid as its area, and no distance", () => {
  const areas = faithfulnessAreas(mibShares.map(() => 1));
  expect(areas.cpr).toBeCloseTo(0.999, 12);
  expect(areas.cmd).toBe(0);
  expect(areas.logCpr).toBeCloseTo(1, 12);
});

test("hand-worked: faithful from a half on", () => {
  // Between .2 and .5 the trapezoid rises from 0 to 1: .15; from .5 to 1 it is 1: .5.
  const areas = faithfulnessAreas(mibShares.map((share) => (share >= 0.5 ? 1 : 0)));
  expect(areas.cpr).toBeCloseTo(0.65, 12);
  expect(areas.cmd).toBeCloseTo(0.349, 12);
  const range = Math.log(1000);
  expect(areas.logCpr).toBeCloseTo((Math.log(2) + Math.log(2.5) / 2) / range, 12);
  expect(areas.logCpr + areas.logCmd).toBeCloseTo(1, 12);
});

test("overshooting counts for CPR and against CMD", () => {
  const areas = faithfulnessAreas(mibShares.map(() => 1.5));
  expect(areas.cpr).toBeCloseTo(1.4985, 12);
  expect(areas.cmd).toBeCloseTo(0.4995, 12);
});

test("faithfulness is 0 with nothing and 1 with everything", () => {
  expect(faithfulnessOf([-2, 0.5, 3], { none: -2, whole: 3 })).toEqual([0, 0.5, 1]);
});

test("counts are rounded down, as Python's int() does", () => {
  expect(mibShares.map((share) => countAtShare(share, 156))).toEqual([0, 0, 0, 1, 3, 7, 15, 31, 78, 156]);
});
