import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { recallOriginal, rememberOriginal } from "./known-originals.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pith-originals-"));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const file = (name: string, digit: string) => ({ name, bytes: 1, sha256: digit.repeat(64) });
const files = [file("b.safetensors", "1"), file("a.safetensors", "2")];

test("a folder is found again by its weights alone, in whatever order they are listed", async () => {
  const environment = { XDG_CACHE_HOME: join(home, "cache") };
  await rememberOriginal({ directory: "/old/place", embedded: false }, files, environment);
  await rememberOriginal({ directory: "/models/mine", embedded: false }, files, environment);
  expect(await recallOriginal([...files].reverse(), environment)).toBe("/models/mine");
  expect(await recallOriginal([file("a.safetensors", "1")], environment)).toBeUndefined();
  const folder = join(home, "cache", "pith", "originals");
  const [note = ""] = await readdir(folder);
  expect(await readdir(folder)).toEqual([note]);
  // For this user alone: it says where things lie.
  if (process.platform !== "win32") expect((await stat(join(folder, note))).mode & 0o077).toBe(0);
});

test("the embedded model needs no note, and a cache that can't be written is no fault", async () => {
  const environment = { HOME: join(home, "user"), USERPROFILE: join(home, "user") };
  await rememberOriginal({ directory: "/pith/models/nano", embedded: true }, files, environment);
  expect(await recallOriginal(files, environment)).toBeUndefined();
  await writeFile(join(home, "file"), "");
  const broken = { XDG_CACHE_HOME: join(home, "file") };
  await rememberOriginal({ directory: "/models/mine", embedded: false }, files, broken);
  expect(await recallOriginal(files, broken)).toBeUndefined();
});
