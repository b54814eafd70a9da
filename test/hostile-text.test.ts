/**
 * Names and prompts that hold codes for a terminal, through the built command line: none reaches the terminal,
 * and what programs read (`--json`, circuit.json) has them as they are.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyNano, editHeader, entry } from "./support/damaged-model.ts";
import { type CliResult, runCli, withFolder } from "./support/run-cli.ts";

/** Clears the screen, colours, sets the title, in 7 and in 8 bits, and turns the letters' order around. */
const CODES = "\u001b[2J\u001b[31m\u001b]0;x\u0007\u009b31m\u007f\u202e";
const ESCAPED = String.raw`\x1b[2J\x1b[31m\x1b]0;x\x07\x9b31m\x7f\u202e`;

let folder: ReturnType<typeof withFolder>;
const taskFile = `ioi${CODES}.jsonl`;
beforeAll(() => {
  folder = withFolder();
  // A tenth of the task is enough to see what is printed of it.
  const lines = readFileSync(resolve("models/nano/tasks/ioi.jsonl"), "utf8").trimEnd().split("\n");
  writeFileSync(join(folder.path, taskFile), lines.filter((_, index) => index % 10 === 0).join("\n"));
});
afterAll(() => folder.remove());

function expectHarmless({ stdout, stderr }: CliResult): void {
  expect(stdout + stderr).not.toMatch(/(?!\n)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
}

test("a tensor's name", async () => {
  const model = copyNano(join(folder.path, "model"));
  editHeader(model, (header) => {
    header[`h.0.${CODES}`] = entry(header, "h.0.ln_1.bias");
    delete header["h.0.ln_1.bias"];
  });
  const result = await runCli(["extract", "--model", model, "--out", "out"], folder.path);
  expect(result.code).toBe(2);
  expectHarmless(result);
});

describe("a task's name and prompts", () => {
  test("while a circuit is searched, in its report, and in what programs read", async () => {
    const result = await runCli(["extract", "--task", taskFile, "--out", "circuit"], folder.path);
    expect(result.code, result.stderr).toBe(0);
    expectHarmless(result);
    expect(result.stdout).toContain(ESCAPED);
    for (const words of [["inspect"], ["eval", "--task", taskFile]]) {
      const shown = await runCli([...words, "circuit"], folder.path);
      expect(shown.code, shown.stderr).toBe(0);
      expectHarmless(shown);
    }
    const json = await runCli(["inspect", "circuit", "--json"], folder.path);
    expectHarmless(json);
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain(JSON.stringify(`ioi${CODES}`).slice(1, -1));
  });

  test("a prompt that is asked, and one that is malformed", async () => {
    const asked = await runCli(["run", "circuit", "--prompt", `Then, ${CODES} went to the`], folder.path);
    expectHarmless(asked);
    writeFileSync(join(folder.path, "bad.jsonl"), `${JSON.stringify({ prompt: "a", answers: [CODES] })}\n`);
    const refused = await runCli(["extract", "--task", "bad.jsonl", "--out", "out"], folder.path);
    expect(refused.code).toBe(2);
    expectHarmless(refused);
  });

  test("words of the command line itself", async () => {
    const unknown = await runCli([`extract${CODES}`], folder.path);
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.stderr).toContain(ESCAPED);
    expectHarmless(unknown);
  });
});
