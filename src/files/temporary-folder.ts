/**
 * A folder in the system's temporary place, for work that has no output to lie beside (Node). Each has a name of its
 * own. A killed process can't remove its folder; the next one that opens a folder of the same kind does.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./process-life.ts";

interface TemporaryFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
}

/** @param kind the beginning of its name: "pith-sweep". */
export async function openTemporaryFolder(kind: string): Promise<TemporaryFolder> {
  const place = tmpdir();
  for (const name of await readdir(place)) {
    const [, pid] = /^-(\d+)-\w+$/.exec(name.startsWith(kind) ? name.slice(kind.length) : "") ?? [];
    // Another user's folder stays.
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(place, name), { recursive: true, force: true }).catch(() => {});
  }
  const path = await mkdtemp(join(place, `${kind}-${process.pid}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
