import { expect, test } from "vitest";
import { layOut } from "./layout.ts";
import { curveRows } from "./terminal-curve.ts";
import { terminalStyle } from "./terminal-style.ts";

const point = (size: number, kl: number, test?: number) => ({
  ...{ size, heads: 1, mlps: 1, neurons: 8, accuracy: { validation: 1 } },
  kl: { validation: kl, ...(test !== undefined && { test }) },
});
const search = { name: "learned", options: {}, trace: [] };

test("a circuit whose search ranks no sizes has nothing to tell", () => {
  expect(curveRows({ search, curve: undefined })).toEqual([]);
});

test("each cut is a size with its KL, three to a line, and no line breaks within one", () => {
  const curve = [0.02, 0.1, 0.5, 1].map((size) => point(size, 0.9, size === 1 ? 0 : 0.05 / size));
  const lines = layOut(curveRows({ search, curve }), terminalStyle({ width: 80 }));
  expect(lines.map((line) => line.replaceAll("\u00a0", " "))).toEqual([
    " all sizes   cuts along the learned ranking: share of the body, KL on the test",
    "             prompts",
    "             2.0 %: 2.5000      10.0 %: 0.5000     50.0 %: 0.1000",
    "             100.0 %: 0.0000",
  ]);
});

test("without test prompts it is of those that chose the circuit, and a ranking has its name", () => {
  const ranked = { ...search, name: "ranked", options: { ranking: "fisher" } };
  const [[, about, line] = []] = curveRows({ search: ranked, curve: [point(0.5, 0.25), point(1, 0)] });
  expect(about).toBe("cuts along the fisher ranking: share of the body, KL on the validation prompts");
  expect(line).toContain("50.0\u00a0%:\u00a00.2500");
});
