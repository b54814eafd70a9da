import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { commandLine, commandToCopy, programName, resumeCommand } from "./invocation.ts";

test("the program is called as it was called", () => {
  expect(programName("/usr/local/bin/pith", {})).toBe("pith");
  expect(programName(join(process.cwd(), "dist/cli.js"), {})).toBe("node dist/cli.js");
  expect(programName("/opt/my tools/cli.js", {})).toBe("node '/opt/my tools/cli.js'");
  expect(programName("/x/node_modules/.bin/pith", { npm_command: "exec" })).toBe("npx pith");
});

test("resuming takes the same words, and --resume once, at the end", () => {
  const words = ["extract", "--resume", "--task", "my task.jsonl", "--force"];
  expect(resumeCommand("pith", words)).toBe("pith extract --task 'my task.jsonl' --force --resume");
});

test("a shell reads the same words back", () => {
  const word = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const line = commandLine("printf '%s\\0'", words);
      const { stdout } = spawnSync("sh", ["-c", line], { encoding: "utf8" });
      expect(stdout.split("\0").slice(0, -1)).toEqual(words);
    }),
    { numRuns: 50 },
  );
});

test("a command to copy fits its line, or goes on in the next one", () => {
  expect(
    commandToCopy("pith", [
      ["run", "dir"],
      ["--prompt", "a b"],
    ]),
  ).toBe("pith run dir --prompt 'a b'");
  const long = commandToCopy(
    "pith",
    [
      ["run", "dir"],
      ["--prompt", "a b"],
    ],
    { width: 20 },
  );
  expect(long).toBe("pith run dir \\\n     --prompt 'a b'");
  const { stdout } = spawnSync("sh", ["-c", long.replace("pith", "printf '%s\\0'")], { encoding: "utf8" });
  expect(stdout.split("\0").slice(0, -1)).toEqual(["run", "dir", "--prompt", "a b"]);
});
