import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { hashFile } from "../files/hash.ts";
import { openFileSource } from "./file-source.ts";
import { memorySource } from "./testing.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-file-source-"));
  await writeFile(join(folder, "abc"), "abc");
});
afterAll(() => rm(folder, { recursive: true }));

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("openFileSource", () => {
  test("reads ranges in any order, and follows links", async () => {
    await symlink("abc", join(folder, "link"));
    const source = await openFileSource(join(folder, "link"));
    expect(source.size).toBe(3);
    expect(text(await source.read(2, 1))).toBe("c");
    expect(text(await source.read(0, 3))).toBe("abc");
    expect(await source.read(3, 0)).toHaveLength(0);
    const target = new TextEncoder().encode("....");
    await source.readInto?.(1, target.subarray(1, 3));
    expect(text(target)).toBe(".bc.");
    await source.close();
  });

  test.each([
    [2, 2],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.MAX_SAFE_INTEGER],
  ])("never reads outside: offset %d, length %d", async (offset, length) => {
    const file = await openFileSource(join(folder, "abc"));
    await expect(file.read(offset, length)).rejects.toThrow(RangeError);
    await expect(file.readInto?.(offset, new Uint8Array(4))).rejects.toThrow(RangeError);
    await file.close();
    await expect(memorySource("m", new Uint8Array(3)).read(offset, length)).rejects.toThrow(RangeError);
  });

  test("a file that is cut while it is open is an error, not zeros", async () => {
    const path = join(folder, "cut");
    await writeFile(path, "abcdef");
    const source = await openFileSource(path);
    await truncate(path, 2);
    await expect(source.read(0, 6)).rejects.toThrow(`${path}: became shorter while it was being read`);
    await source.close();
  });

  test("refuses what is missing, a folder, or a pipe (without waiting for it)", async () => {
    const missing = join(folder, "missing");
    await expect(openFileSource(missing)).rejects.toThrow(`${missing}: does not exist`);
    await expect(openFileSource(missing)).rejects.toThrow(PithError);
    await expect(openFileSource(join(folder, "abc", "x"))).rejects.toThrow(
      "a part of its path is not a folder",
    );
    await expect(openFileSource(folder)).rejects.toThrow("is a folder, not a file");
    execFileSync("mkfifo", [join(folder, "pipe")]);
    await expect(openFileSource(join(folder, "pipe"))).rejects.toThrow("is not a regular file");
  });

  test("reading after close is a fault of the program", async () => {
    const source = await openFileSource(join(folder, "abc"));
    await source.close();
    await expect(source.read(0, 1)).rejects.not.toThrow(PithError);
  });
});

test("memorySource gives copies", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const part = await memorySource("m", bytes).read(1, 2);
  part[0] = 9;
  expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
});

describe("hashFile", () => {
  test("is SHA-256 (FIPS 180-2, the example “abc”)", async () => {
    expect(await hashFile(join(folder, "abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  test("names a file that can't be read", async () => {
    await expect(hashFile(join(folder, "missing"), { code: "task" })).rejects.toMatchObject({
      code: "task",
      place: { file: join(folder, "missing") },
    });
    await expect(hashFile(folder)).rejects.toThrow(PithError);
  });

  test("stops when asked to", async () => {
    await expect(hashFile(join(folder, "abc"), { signal: AbortSignal.abort() })).rejects.toThrow("abort");
  });
});
