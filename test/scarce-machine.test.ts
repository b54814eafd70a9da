/** A machine that lacks something, through the built command line: plain errors, exit code 2, and no stack. */
import { availableParallelism } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CliResult, runCli, withFolder } from "./support/run-cli.ts";

let folder: ReturnType<typeof withFolder>;
beforeEach(() => {
  folder = withFolder();
});
afterEach(() => folder.remove());

function expectPlain(result: CliResult, message: RegExp): void {
  expect(result, result.stderr).toMatchObject({ code: 2, signal: null, stdout: "" });
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(/^\s+at /m);
}

describe.skipIf(process.platform === "win32")("a machine without", () => {
  test("the folder that the program was started in", async () => {
    const gone = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
    expectPlain(
      await runCli(["extract", "--out", "out"], folder.path, gone),
      /^error: the folder that this was started in does not exist any more\. Change to a folder/m,
    );
  });

  // Enough for Node to start, and too few for what the program is made of.
  test("files that may be opened", async () => {
    expectPlain(
      await runCli(["extract", "--out", "out"], folder.path, 'ulimit -n 60; exec "$@"'),
      /^error: .*too many files are open\. Allow more: `ulimit -n 4096`/m,
    );
  });
});

test("more threads than cores are not begun, and that is said", async () => {
  const result = await runCli(["eval", "nowhere", "--threads", "1000"], folder.path);
  const cores = availableParallelism();
  expectPlain(
    result,
    new RegExp(`--threads 1000: this machine has ${cores} cores, so ${cores} threads compute`),
  );
});
