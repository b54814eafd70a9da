/** Task files that are pipes and devices, through the built command line: `--task <(grep …)`, FIFOs, /dev/zero. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli, startCli, waitForDecisions, withFolder } from "./support/run-cli.ts";

let folder: ReturnType<typeof withFolder>;
beforeEach(() => {
  folder = withFolder();
  const lines = readFileSync(resolve("models/nano/tasks/ioi.jsonl"), "utf8").trimEnd().split("\n");
  for (const [name, remainder] of [
    ["one", 0],
    ["other", 1],
  ] as const) {
    const kept = lines.filter((_, index) => index % 10 === remainder);
    writeFileSync(join(folder.path, `${name}.jsonl`), `${kept.join("\n")}\n`);
  }
});
afterEach(() => folder.remove());

/** As a shell does for `--task <(cat FILE)`. */
const piped = (name: string) => `cat ${name}.jsonl | { exec 3<&0; exec "$@" --task /dev/fd/3; }`;
/** The same by a named pipe. The program takes the shell's place, so that signals reach it. */
const fifo = (name: string) => `mkfifo 3; cat ${name}.jsonl > 3 & exec "$@" --task 3`;
const words = ["extract", "--out", "out"];

/** Whether a process has a file of that name open. */
function hasOpen(pid: number, name: string): boolean {
  const descriptors = `/proc/${pid}/fd`;
  return readdirSync(descriptors).some((each) => {
    try {
      return readlinkSync(join(descriptors, each)).endsWith(name);
    } catch {
      return false;
    }
  });
}

// /proc says what a process waits for.
describe.runIf(process.platform === "linux")("a task that comes through a pipe", () => {
  test("is hashed by its bytes, so that a resumed search is its own and no other's", async () => {
    const first = startCli(words, folder.path, fifo("one"));
    await waitForDecisions(folder.path, "out", 3);
    first.child.kill("SIGINT");
    expect(await first.result).toMatchObject({ code: 130 });

    const foreign = await runCli([...words, "--resume"], folder.path, piped("other"));
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toMatch(/had another model, task or options/);

    const own = await runCli([...words, "--resume"], folder.path, piped("one"));
    expect(own.code, own.stderr).toBe(0);
    const { task } = JSON.parse(readFileSync(join(folder.path, "out", "circuit.json"), "utf8"));
    const bytes = readFileSync(join(folder.path, "one.jsonl"));
    expect(task.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("and never comes is waited for until one Ctrl-C", async () => {
    execFileSync("mkfifo", [join(folder.path, "silent.jsonl")]);
    const waiting = startCli([...words, "--task", "silent.jsonl"], folder.path);
    // Before that, a signal simply kills, which would prove nothing.
    while (!hasOpen(waiting.child.pid ?? 0, "silent.jsonl")) await sleep(20);
    waiting.child.kill("SIGINT");
    const { code, signal, stderr } = await waiting.result;
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    expect(stderr).toMatch(/interrupted/);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(readdirSync(folder.path).filter((name) => name.includes("out"))).toEqual([]);
  });

  test("and never ends is an error", async () => {
    const result = await runCli([...words, "--task", "/dev/zero"], folder.path);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(
      /^error: \/dev\/zero: more bytes come than a task file may have \(256 MiB at most\)/m,
    );
  });
});
