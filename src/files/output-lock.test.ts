import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockOutput, lockPath } from "./output-lock.ts";

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-lock-"));
  out = join(folder, "circuit");
});
afterEach(() => rm(folder, { recursive: true }));

const write = (holder: { readonly host?: string; readonly pid: number }) =>
  writeFile(lockPath(out), JSON.stringify({ host: hostname(), ...holder, id: "x" }));

test("it lies beside the folder to be, and goes with its holder", async () => {
  const unlock = await lockOutput(out);
  expect(await readdir(folder)).toEqual([".circuit.lock"]);
  await unlock();
  expect(await readdir(folder)).toEqual([]);
});

test("a second one is told who has it, and another name is free", async () => {
  const unlock = await lockOutput(out);
  await expect(lockOutput(out)).rejects.toMatchObject({
    ...{ name: "PithError", code: "output", place: { file: resolve(out) } },
    message: expect.stringContaining(`another pith (pid ${process.pid}) is writing here.`),
    advice: expect.stringContaining(lockPath(out)),
  });
  await (await lockOutput(`${out}-2`))();
  await unlock();
  await (await lockOutput(out))();
});

test("another process's holds while it lives", async () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  await write({ pid: other.pid ?? 0 });
  await expect(lockOutput(out)).rejects.toThrow(`another pith (pid ${other.pid})`);
  other.kill("SIGKILL");
  await once(other, "exit");
  await (await lockOutput(out))();
});

test("what an earlier process of our own number left holds nothing", async () => {
  await write({ pid: process.pid });
  await utimes(lockPath(out), new Date(0), new Date(0));
  await (await lockOutput(out))();
});

test("another machine's holds while it is touched", async () => {
  await write({ pid: 1, host: "elsewhere" });
  await expect(lockOutput(out)).rejects.toThrow("another pith (pid 1 on elsewhere)");
  await utimes(lockPath(out), new Date(0), new Date(0));
  await (await lockOutput(out))();
});

test.each(["/proc/x", "/proc/x/y"])(
  "%s: nothing can be written there, which is said with advice",
  async (path) => {
    await expect(lockOutput(path)).rejects.toMatchObject({
      ...{ code: "output", place: { file: path } },
      message: expect.stringMatching(/nothing can be written to \/proc.*Choose a folder of yours/),
    });
  },
);
