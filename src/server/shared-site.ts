/** Makes a static site of a finished circuit, as `pith share` does, and keeps it with its run. */
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
  // Two requests at once get the same site.
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
  // Another version of Pith has other pages.
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

/** The path of the list of a site's files, beside the site. */
const namesPath = (site: string) => `${site}.json`;
const namesSchema = z.array(z.string());

/**
 * The files of a site that was made before; undefined if one is missing. Other files in the folder are never
 * sent.
 */
async function ownFiles(site: string): Promise<readonly ListedFile[] | undefined> {
  if ((await kindOf(site)) !== "folder") return undefined;
  const text = await readFile(namesPath(site), "utf8").catch(() => "null");
  const names = namesSchema.safeParse(tryJson(text));
  if (!names.success) return undefined;
  const own = new Set(names.data);
  const files = (await listFiles(site)).filter(({ name }) => own.has(name));
  return files.length === own.size ? files : undefined;
}
