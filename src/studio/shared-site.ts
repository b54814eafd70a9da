/** A finished circuit as a static site, made once and kept with its run: `pith share`, for one circuit. */
import { join } from "node:path";
import { packageVersion } from "../pipeline/package-files.ts";
import { shareCircuits } from "../pipeline/share.ts";
import { type ListedFile, listFiles } from "./listed-files.ts";
import type { Models } from "./models.ts";
import { type RunRecord, resultFolder } from "./run-folder.ts";
import { taskOf } from "./tasks.ts";

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
  const there = await listFiles(site);
  // The folder takes its name when it is whole.
  if (there.length > 0) return there;
  const { model: name, task: source, options } = record.request;
  const task = await taskOf(source, await models.open(name), options);
  await shareCircuits([{ directory: resultFolder(record), task }], site);
  return listFiles(site);
}
