import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { type ReadOptions, readInput, readJsonBytes, readJsonObject } from "./read-input.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pith-input-"));
});
afterAll(() => rm(root, { recursive: true }));

const options: ReadOptions = { code: "task", most: 2 ** 20, what: "a list" };
const text = async (path: string, more: Partial<ReadOptions> = {}) =>
  new TextDecoder().decode(await readInput(path, { ...options, ...more }));

async function refusal(reading: Promise<unknown>): Promise<PithError> {
  const error = await reading.catch((thrown: unknown) => thrown);
  if (error instanceof PithError) return error;
  throw new Error(`expected a PithError, got ${String(error)}`);
}

async function file(name: string, contents: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await writeFile(path, contents);
  return path;
}

describe("a file", () => {
  test("is read whole, however many pieces it takes", async () => {
    const long = "abc".repeat(500_000);
    expect(await text(await file("long", long), { most: 2 ** 21 })).toBe(long);
    expect(await text(await file("empty", ""))).toBe("");
  });

  test("that is too large, missing or a folder is an error that says so", async () => {
    const large = await file("large", new Uint8Array(2 ** 20 + 1));
    expect((await refusal(readInput(large, options))).message).toBe(
      `${large}: 1048577 bytes are too many for a list (1 MiB at most)`,
    );
    const missing = await refusal(readInput(join(root, "none"), options));
    expect(missing.message).toContain("does not exist");
    expect(missing.cause).toHaveProperty("code", "ENOENT");
    expect((await refusal(readInput(root, options))).message).toContain("is a folder, not a list");
  });
});

describe.skipIf(process.platform === "win32")("pipes and devices", () => {
  const fifo = (name: string) => {
    const path = join(root, name);
    execFileSync("mkfifo", [path]);
    return path;
  };

  test("are refused where the caller wants a file", async () => {
    expect((await refusal(readInput(fifo("refused"), options))).message).toContain("is not a regular file");
    expect((await refusal(readInput("/dev/zero", options))).message).toContain("is not a regular file");
  });

  test("a pipe is read to its end", async () => {
    const path = fifo("written");
    const writer = spawn("sh", ["-c", 'printf "%300000d" 7 > "$0"', path]);
    expect(await text(path, { pipes: true })).toBe("7".padStart(300_000));
    await new Promise((done) => writer.once("exit", done));
  });

  test("a device without end ends at the limit", async () => {
    const error = await refusal(readInput("/dev/zero", { ...options, pipes: true }));
    expect(error.message).toBe("/dev/zero: more bytes come than a list may have (1 MiB at most)");
  });

  test("a pipe that nobody writes to is waited for until the signal", async () => {
    const controller = new AbortController();
    const reading = readInput(fifo("silent"), { ...options, pipes: true, signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 20);
    await expect(reading).rejects.toBe(reason);
  });
});

describe("a JSON file", () => {
  test("gives its object, or the name of the file that has none", async () => {
    expect(await readJsonObject(await file("a.json", '{"a": [1]}'), { code: "config" })).toEqual({ a: [1] });
    const list = await file("list.json", "[]");
    expect((await refusal(readJsonObject(list, { code: "config" }))).message).toBe(
      `${list}: list.json is not a JSON object`,
    );
  });

  test("of brackets alone is read no further than its first piece", async () => {
    const path = await file("bomb.json", new Uint8Array(5 * 2 ** 20).fill("[".charCodeAt(0)));
    const pieces: number[] = [];
    const error = await refusal(
      readJsonBytes(path, { ...options, most: 2 ** 30, look: (piece) => pieces.push(piece.length) }),
    );
    expect(error.message).toBe(`${path}: nests deeper than 64 levels`);
    expect(pieces).toEqual([2 ** 20]);
  });
});
