import { describe, expect, test } from "vitest";
import { chartNumber, chartScale } from "./chart-scale.ts";

describe("a linear axis", () => {
  test("goes from its first tick to its last, whatever lies between", () => {
    const { ticks, at } = chartScale({ label: "", from: 0, to: 100 }, [40], 46, 466);
    expect(ticks).toEqual([0, 20, 40, 60, 80, 100]);
    expect([at(0), at(40), at(100)]).toEqual([46, 214, 466]);
  });

  test("reaches its values where it has no bounds, and may go upwards", () => {
    const { ticks, at } = chartScale({ label: "" }, [0, 10], 274, 12);
    expect([ticks[0], ticks.at(-1)]).toEqual([0, 10]);
    expect([at(0), at(5), at(10)]).toEqual([274, 143, 12]);
  });
});

describe("a logarithmic axis", () => {
  test("has a tick at each power of ten around its values", () => {
    const { ticks, at } = chartScale({ label: "", log: true }, [0.02, 0.3], 0, 200);
    expect(ticks).toEqual([0.01, 0.1, 1]);
    expect([at(0.01), at(0.1), at(1)]).toEqual([0, 100, 200]);
  });

  test("spans one power at least, and ends on a value that is a power itself", () => {
    expect(chartScale({ label: "", log: true }, [0.1], 0, 1).ticks).toEqual([0.1, 1]);
    expect(chartScale({ label: "", log: true }, [0.001, 10], 0, 1).ticks).toEqual([0.001, 0.01, 0.1, 1, 10]);
  });
});

test("numbers have three digits and a true minus", () => {
  expect([chartNumber(-1.23456), chartNumber(0.1 + 0.2), chartNumber(12_345)]).toEqual([
    ...["−1.23", "0.3", "12300"],
  ]);
});
