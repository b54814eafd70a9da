/** Temporary folders: two of a process are two, and what a killed process left is removed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTemporaryFolder } from "./temporary-folder.ts";

test("each is its own; those of processes that are gone are removed, and no others", async () => {
  const kind = `pith-test-${process.pid}`;
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const left = join(tmpdir(), `${kind}-${pid}-aBc123`);
  mkdirSync(left);
  writeFileSync(join(left, "streams.f32"), "values");
  const stranger = join(tmpdir(), `${kind}-notes`);
  mkdirSync(stranger);

  const [one, two] = [await openTemporaryFolder(kind), await openTemporaryFolder(kind)];
  expect(one.path).not.toBe(two.path);
  expect([left, stranger, one.path, two.path].map(existsSync)).toEqual([false, true, true, true]);
  await one.remove();
  await two.remove();
  expect([one.path, two.path].map(existsSync)).toEqual([false, false]);
  rmSync(stranger, { recursive: true });
});
