import { expect, test } from "vitest";
import { alphaText, millionsText, percentText, spreadText } from "./spread-text.ts";

test("means and spreads as the paper's tables print them", () => {
  expect(percentText({ mean: 0.99920001, std: 0.00178885, count: 5 })).toBe("99.92 ± 0.18");
  expect(percentText({ mean: -0.12, std: 0.05528, count: 5 })).toBe("−12.00 ± 5.53");
  expect(percentText({ mean: 0.5, std: undefined, count: 1 })).toBe("50.00");
  expect(percentText(undefined)).toBe("–");
  expect(millionsText({ mean: 57_087_360, std: 0, count: 5 })).toBe("57.09 ± 0.00");
  expect(millionsText({ mean: 1_450_000, std: 1200, count: 5 })).toBe("1.450 ± 0.001");
  // No −0.00.
  expect(spreadText({ mean: -1e-9, std: 0, count: 2 }, 2)).toBe("0.00 ± 0.00");
  expect([0.0886, 0.008531678524172805, 1, 1e-5].map(alphaText)).toEqual([
    "0.0886",
    "0.00853",
    "1",
    "0.00001",
  ]);
});
