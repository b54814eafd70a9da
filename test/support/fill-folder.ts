/**
 * A command that makes a small folder, for atomic-folder.test.ts: `node fill-folder.js OUT LETTER`. Its files hold the
 * letter, and it keeps a journal as a search does.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { journalPath, openJournal } from "../../src/files/journal.ts";
import { claimOutputFolder, fillOutputFolder } from "../../src/files/output-folder.ts";

const [out = "", letter = ""] = process.argv.slice(2);
const options = { force: true, marker: "a", kind: "test's folder" };
const release = await claimOutputFolder(out, options);
try {
  const journal = await openJournal<string>(journalPath(out), {
    ...{ key: letter, start: "resume", work: "search", schema: z.string() },
  });
  if (journal.resumed.length === 0) await journal.append(letter);
  await fillOutputFolder(out, options, async (partial) => {
    await mkdir(join(partial, "below"));
    for (const name of ["a", "b", "below/c"]) await writeFile(join(partial, name), letter);
  });
  await journal.remove();
} finally {
  await release();
}
