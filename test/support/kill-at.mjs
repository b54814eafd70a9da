/**
 * Loaded before a program (`node --import`): kills it at the n-th time that it changes something below a folder, as
 * PITH_TEST_KILL, "n folder", says; "n rename folder" counts renames alone. A folder that is being removed is removed by
 * half. Or, as PITH_TEST_FULL, "n CODE folder", says, has the n-th time fail that needs room on the disk.
 */
import { readdirSync, rmSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join, resolve, sep } from "node:path";

const [, count = "0", kind, folder = ""] =
  /^(\d+) (?:([a-z]+) )?(\/.*)$/.exec(process.env.PITH_TEST_KILL ?? "") ?? [];
let left = Number(count);

const [, fullAt = "0", code = "", fullFolder = ""] =
  /^(\d+) ([A-Z]+) (\/.*)$/.exec(process.env.PITH_TEST_FULL ?? "") ?? [];
let room = Number(fullAt);
const needRoom = new Set(["appendFile", "copyFile", "link", "mkdir", "rename", "symlink", "writeFile"]);

/** Takes the first file out of a folder. */
function removeHalf(path) {
  const [file] = readdirSync(path, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  if (file !== undefined) rmSync(join(file.parentPath ?? file.path, file.name));
}

for (const name of ["appendFile", "copyFile", "link", "mkdir", "rename", "rm", "symlink", "unlink", "writeFile"]) {
  const act = promises[name];
  promises[name] = async (...values) => {
    const paths = values.slice(0, 2).filter((value) => typeof value === "string");
    if (needRoom.has(name) && resolve(paths[0] ?? "").startsWith(fullFolder + sep) && --room === 0) {
      throw Object.assign(new Error(`${code}: no room, ${name}`), { code });
    }
    const counts = (kind ?? name) === name && paths.some((path) => resolve(path).startsWith(folder + sep));
    if (counts && --left === 0) {
      try {
        if (name === "rm" && values[1]?.recursive === true) removeHalf(paths[0]);
      } catch {
        // There is no such folder.
      }
      process.kill(process.pid, "SIGKILL");
    }
    return act(...values);
  };
}
syncBuiltinESMExports();
