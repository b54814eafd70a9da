/**
 * A command that makes a small folder, for atomic-folder.test.ts: `node fill-folder.js OUT LETTER`. Its files hold the
 * letter, and it keeps a journal as a search does.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { claimOutputFolder, fillOutputFolder } from "../../src/files/output-folder.ts";

const [out = "", letter = ""] = process.argv.slice(2);
const options = { force: true, marker: "a", kind: "test's folder" };
const release = await claimOutputFolder(out, options);
await fillOutputFolder(out, options, async (partial) => {
  await mkdir(join(partial, "below"));
  for (const name of ["a", "b", "below/c"]) await writeFile(join(partial, name), letter);
});
await release();
