import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { formatCircuitFile, parseCircuitFile } from "./circuit-json.ts";

const { files: _, checksum: __, ...file } = JSON.parse(await readFile("test/format-1/ioi.json", "utf8"));
const circuit = parseCircuitFile(file);
const curve = [0.02, 1].map((size) => ({
  ...{ size, heads: 1, mlps: 2, neurons: 3 },
  kl: { validation: 0.5, test: 0.25 },
  accuracy: { validation: 0.75 },
}));

test("a curve is written and read back, a line for each of its cuts", () => {
  const text = formatCircuitFile({ ...circuit, curve });
  expect(parseCircuitFile(JSON.parse(text)).curve).toEqual(curve);
  expect(text).toContain('\n    {"size":0.02,"heads":1,');
});

test.each([
  ["a single cut is no curve", curve.slice(1), "curve"],
  ["a size is a share", [{ ...curve[0], size: 2 }, curve[1]], "curve[0].size"],
  [
    "KL is of the validation prompts at least",
    [curve[0], { ...curve[1], kl: { test: 1 } }],
    "curve[1].kl.validation",
  ],
])("%s", (_name, wrong, field) => {
  const text = JSON.stringify({ ...JSON.parse(formatCircuitFile(circuit)), curve: wrong });
  expect(() => parseCircuitFile(JSON.parse(text))).toThrow(
    expect.objectContaining({ place: expect.objectContaining({ field }) }),
  );
});
