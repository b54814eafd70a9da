import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeFolders } from "./make-folders.ts";

const base = await mkdtemp(join(tmpdir(), "pith-folders-"));
afterAll(() => rm(base, { recursive: true, force: true }));

describe("makeFolders", () => {
  it("makes all levels that are missing, and none twice", async () => {
    const path = join(base, "a", "b", "c");
    await Promise.all([makeFolders(path), makeFolders(path), makeFolders(join(base, "a"))]);
    expect((await stat(path)).isDirectory()).toBe(true);
    await makeFolders(path);
  });

  it("gives the folders its mode", async () => {
    const path = join(base, "mine", "own");
    await makeFolders(path, 0o700);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it("says that a file is in the way", async () => {
    const file = join(base, "file");
    await writeFile(file, "");
    await expect(makeFolders(file)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolders(join(file, "x", "y"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it.runIf(process.platform === "linux")("ends where no folder can be made", async () => {
    await expect(makeFolders("/proc/pith/x")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
