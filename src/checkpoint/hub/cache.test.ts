import { link, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { PithError } from "../../errors.ts";
import { diskError, placeInSnapshot, readCommit, rememberCommit, repositoryCache } from "./cache.ts";

let folder: string;
let blob: string;
let snapshot: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-cache-"));
  blob = join(folder, "blobs", "abc");
  snapshot = join(folder, "snapshots", "commit");
  await mkdir(join(folder, "blobs"));
  await writeFile(blob, "bytes");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const refused = async () => {
  throw Object.assign(new Error("operation not permitted"), { code: "EPERM" });
};

it("makes a second name where links are refused, and a copy where that is refused too", async () => {
  await placeInSnapshot(blob, snapshot, "linked", { symlink: refused, link });
  await placeInSnapshot(blob, snapshot, "copied", { symlink: refused, link: refused });
  for (const name of ["linked", "copied"]) {
    expect((await lstat(join(snapshot, name))).isSymbolicLink()).toBe(false);
    expect(await readFile(join(snapshot, name), "utf8")).toBe("bytes");
  }
  expect((await lstat(join(snapshot, "linked"))).ino).toBe((await lstat(blob)).ino);
  expect((await lstat(join(snapshot, "copied"))).ino).not.toBe((await lstat(blob)).ino);
  expect((await readdir(snapshot)).sort()).toEqual(["copied", "linked"]);
});

it("replaces what stands there", async () => {
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, "file"), "old");
  await Promise.all(Array.from({ length: 8 }, () => placeInSnapshot(blob, snapshot, "file")));
  expect(await readFile(join(snapshot, "file"), "utf8")).toBe("bytes");
  expect(await readdir(snapshot)).toEqual(["file"]);
});

it.each(["../file", "../../x", "/etc/x", ".", "a/../../x"])("writes nothing outside for %j", async (name) => {
  await expect(placeInSnapshot(blob, snapshot, name)).rejects.toMatchObject({ code: "hub" });
  expect(await readdir(folder)).toEqual(["blobs"]);
});

it("takes a revision's commit only if it is one", async () => {
  const cache = repositoryCache(folder, "org/name");
  const commit = "0123456789abcdef0123456789abcdef01234567";
  expect(await readCommit(cache, "main")).toBeUndefined();
  await rememberCommit(cache, "refs/pr/1", commit);
  expect(await readCommit(cache, "refs/pr/1")).toBe(commit);
  expect(await readdir(join(cache.refs, "refs", "pr"))).toEqual(["1"]);
  await writeFile(join(cache.refs, "main"), "../../..");
  expect(await readCommit(cache, "main")).toBeUndefined();
});

it("tells a full disk from other faults, and leaves bugs alone", () => {
  const full = diskError(Object.assign(new Error("x"), { code: "ENOSPC" }), "/cache/file");
  expect(full).toBeInstanceOf(PithError);
  expect(full).toMatchObject({ code: "output", place: { file: "/cache/file" } });
  const bug = new TypeError("bug");
  expect(diskError(bug, "/cache/file")).toBe(bug);
});
