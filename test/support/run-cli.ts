/** Runs the built command line as a child process, as a user does. `npm test` builds it first. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const cli = resolve("dist/cli.js");
/** A home folder that must stay empty: nothing may be written there without the user's request. */
export const home = mkdtempSync(join(tmpdir(), "pith-home-"));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
}

/** @param wrap a shell line in which "$@" is the program, to run it under limits. */
export function startCli(args: readonly string[], cwd: string, wrap?: string): CliProcess {
  const [command, ...rest] =
    wrap === undefined
      ? [process.execPath, cli, ...args]
      : ["sh", "-c", wrap, "sh", process.execPath, cli, ...args];
  const child = spawn(command ?? "", rest, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: home, HF_HUB_OFFLINE: "1", PITH_PROGRESS: "off" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const result = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, result };
}

export function runCli(args: readonly string[], cwd: string, wrap?: string): Promise<CliResult> {
  return startCli(args, cwd, wrap).result;
}

/** Resolves when the search into `cwd/out` has journaled `decisions` decisions. */
export async function waitForDecisions(cwd: string, out: string, decisions: number): Promise<void> {
  const path = join(cwd, `.${out}.journal.jsonl`);
  for (;;) {
    // The first line belongs to the journal itself.
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
    if (lines > decisions) return;
    await sleep(2);
  }
}

export function withFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "pith-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
