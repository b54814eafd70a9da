/** The example is code that people copy: it must run, and say what it claims to say. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("examples/extract.ts runs, on the public API alone", () => {
  const source = readFileSync("examples/extract.ts", "utf8");
  expect([...source.matchAll(/from "([^"]+)"/g)].map((match) => match[1])).toEqual([
    "node:fs/promises",
    "node:os",
    "node:path",
    "pith",
  ]);
  const result = spawnSync(process.execPath, ["--import", "tsx", "examples/extract.ts"], {
    encoding: "utf8",
  });
  expect(result).toMatchObject({ status: 0, stderr: "" });
  expect(result.stdout).toMatch(/layer \d keeps (head\.\d|mlp): without it, KL grows by \d\.\d{3} nats/);
  expect(result.stdout).toMatch(/\d+ heads and \d+ MLPs, \d+ parameters\n +\d+\.\d % {2}" Kevin"/);
});
