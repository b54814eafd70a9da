/** A finished circuit as a static site, made once and kept with its run: `pith share`, for one circuit. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { kindOf } from "../files/atomic-folder.ts";
import { tryJson } from "../files/json.ts";
import { packageVersion } from "../files/package-files.ts";
import { placeFile } from "../files/write-file.ts";
import { shareCircuits } from "../jobs/share/share.ts";
import { type ListedFile, listFiles } from "./listed-files.ts";
import type { Models } from "./models.ts";
import { type RunRecord, resultFolder } from "./runs/run-folder.ts";
import { taskOfSource } from "./tasks.ts";

export interface SharedSites {
  /** The site's files. @param record of a finished extraction. */
  of(record: RunRecord): Promise<readonly ListedFile[]>;
}

export function createSharedSites(models: Models): SharedSites {
  // Two that ask at once get the same.
  const making = new Map<string, Promise<readonly ListedFile[]>>();
  return {
    of(record) {
      const { id } = record;
      const found = making.get(id) ?? make(record, models).finally(() => making.delete(id));
      making.set(id, found);
      return found;
    },
  };
}

async function make(record: RunRecord, models: Models): Promise<readonly ListedFile[]> {
  // Another version has other pages.
  const site = join(record.folder, `site-${packageVersion()}`);
  const there = await ownFiles(site);
  if (there !== undefined) return there;
  const { model: name, task: source, options } = record.request;
  const task = await taskOfSource(source, await models.open(name), options);
  await shareCircuits([{ directory: resultFolder(record), task }], site, { force: true });
  const files = await listFiles(site);
  await placeFile(namesPath(site), JSON.stringify(files.map((file) => file.name)), { replaces: true });
  return files;
}

/** Beside a site, the names of the files that were made with it. */
const namesPath = (site: string) => `${site}.json`;
const namesSchema = z.array(z.string());

/** What is there of a site that was made before; undefined if it is not all there. Whatever else lies there stays at home. */
async function ownFiles(site: string): Promise<readonly ListedFile[] | undefined> {
  if ((await kindOf(site)) !== "folder") return undefined;
  const text = await readFile(namesPath(site), "utf8").catch(() => "null");
  const names = namesSchema.safeParse(tryJson(text));
  if (!names.success) return undefined;
  const own = new Set(names.data);
  const files = (await listFiles(site)).filter(({ name }) => own.has(name));
  return files.length === own.size ? files : undefined;
}
