/**
 * Loaded before a program (`node --import`): kills it at the n-th time that it changes something below a folder, as
 * PITH_TEST_KILL, "n folder", says. A folder that is being removed is removed by half.
 */
import { readdirSync, rmSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join, resolve, sep } from "node:path";

const [, count = "0", folder = ""] = /^(\d+) (.*)$/.exec(process.env.PITH_TEST_KILL ?? "") ?? [];
let left = Number(count);

/** Takes the first file out of a folder. */
function removeHalf(path) {
  const [file] = readdirSync(path, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  if (file !== undefined) rmSync(join(file.parentPath ?? file.path, file.name));
}

for (const name of ["appendFile", "copyFile", "link", "mkdir", "rename", "rm", "symlink", "unlink", "writeFile"]) {
  const act = promises[name];
  promises[name] = (...values) => {
    const paths = values.slice(0, 2).filter((value) => typeof value === "string");
    if (paths.some((path) => resolve(path).startsWith(folder + sep)) && --left === 0) {
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
