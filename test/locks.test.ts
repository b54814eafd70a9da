/** Locks under races of processes, and the locks that killed processes leave. */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { breakerPath, lockKey, takeLock } from "../src/files/lock.ts";
import { isAlive, processTag, startOf, thisMachine } from "../src/files/process-life.ts";
import type { RacerAnswer, RacerOrder } from "./support/lock-racer.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-locks-"));
  file = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

/** What a process that is gone has left. */
function left(id: string, content: object = {}): string {
  const { pid } = spawnSync(process.execPath, ["--eval", ""]);
  return JSON.stringify({ pid, start: "1", ...thisMachine(), ...content, id });
}

const isHeld = async () => "holder" in (await takeLock(file));

describe("six processes that find a stale lock at once", () => {
  const racers: ChildProcess[] = [];
  beforeAll(async () => {
    for (let index = 0; index < 6; index++) {
      racers.push(fork("test/support/lock-racer.ts", { execArgv: ["--import", "tsx"] }));
    }
    await Promise.all(racers.map((racer) => once(racer, "message")));
  });
  afterAll(() => {
    for (const racer of racers) racer.kill();
  });
  const askAll = (order: RacerOrder): Promise<RacerAnswer[]> =>
    Promise.all(
      racers.map(async (racer) => {
        const answered = once(racer, "message");
        racer.send(order);
        return (await answered)[0] as RacerAnswer;
      }),
    );

  test("make one holder, in each of 300 races", async () => {
    const dead = left("");
    for (let race = 0; race < 300; race++) {
      await writeFile(file, dead.replace('"id":""', `"id":"${race}"`));
      const answers = await askAll({ take: file });
      expect(answers.filter((answer) => "held" in answer && answer.held)).toHaveLength(1);
      await askAll({ giveBack: true });
      expect(await readdir(folder)).toEqual([]);
    }
  });

  test("make one holder where a process was killed while it broke the lock", async () => {
    const dead = left("");
    for (let race = 0; race < 30; race++) {
      await writeFile(file, dead.replace('"id":""', `"id":"${race}"`));
      // As far as a breaker gets before it removes the file.
      const key = lockKey(await readFile(file, "utf8"), (await stat(file)).ino);
      await writeFile(breakerPath(file, key), dead);
      await writeFile(`${file}.${JSON.parse(dead).pid}-1.0123456789ab.new`, "");
      const answers = await askAll({ take: file });
      expect(answers.filter((answer) => "held" in answer && answer.held)).toHaveLength(1);
      await askAll({ giveBack: true });
      expect(await readdir(folder)).toEqual([]);
    }
  });
});

describe("a lock", () => {
  test("is taken though forty processes were killed, each while it broke the lock of the one before", async () => {
    let path = file;
    for (let killed = 0; killed < 40; killed++) {
      await writeFile(path, left(`${killed}`));
      path = breakerPath(file, lockKey(await readFile(path, "utf8"), (await stat(path)).ino));
    }
    const taken = await takeLock(file);
    expect(await readdir(folder)).toEqual(["lock"]);
    if (!("release" in taken)) throw new Error("it was refused");
    await taken.release();
    expect(await readdir(folder)).toEqual([]);
  });

  test("is held once, also within one process, and can be taken again", async () => {
    const first = await takeLock(file);
    expect(await takeLock(file)).toEqual({ holder: { pid: process.pid } });
    expect(await readdir(folder)).toEqual(["lock"]);
    if (!("release" in first)) throw new Error("the first one was refused");
    await first.release();
    expect(await readdir(folder)).toEqual([]);
    expect(await isHeld()).toBe(false);
  });

  test("of a process whose number another has now is stale", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const pid = other.pid ?? 0;
    await writeFile(file, left("x", { pid, start: startOf(pid) }));
    expect(await isHeld()).toBe(true);
    await writeFile(file, left("x", { pid, start: "12345" }));
    expect(await isHeld()).toBe(false);
    other.kill();
  });

  test("of a process that was killed is stale at once, though its parent hasn't asked for it", async () => {
    // The shell's child ends while the shell goes on without waiting for it.
    const shell = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 30"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const pid = Number(String((await once(shell.stdout, "data"))[0]));
    const start = startOf(pid);
    while (isAlive(pid)) await new Promise((done) => setTimeout(done, 5));
    await writeFile(file, left("x", { pid, start }));
    expect(await isHeld()).toBe(false);
    shell.kill();
  });

  test("of another machine, or of another container, is held while it is touched", async () => {
    for (const elsewhere of [{ host: "elsewhere" }, { boot: "earlier" }, { space: "pid:[1]" }]) {
      await writeFile(file, left("x", elsewhere));
      expect(await isHeld()).toBe(true);
      await utimes(file, new Date(0), new Date(0));
      expect(await isHeld()).toBe(false);
      await rm(file);
    }
  });

  test.each(["", "{", "notes of somebody"])(
    "that names nobody (%j) is stale as soon as no writer can be at work on it",
    async (text) => {
      await writeFile(file, text);
      expect(await isHeld()).toBe(true);
      const before = new Date(Date.now() - 6_000);
      await utimes(file, before, before);
      expect(await isHeld()).toBe(false);
    },
  );

  test("leaves alone what isn't its own", async () => {
    const others = ["lock.txt", "lock.0123456789abcdef.txt", `lock.${processTag()}.0123456789ab.new`];
    for (const name of others) await writeFile(join(folder, name), "");
    const taken = await takeLock(file);
    if ("release" in taken) await taken.release();
    expect((await readdir(folder)).sort()).toEqual(others.sort());
  });
});
