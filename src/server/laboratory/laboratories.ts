/** The open laboratories: only a few, because each holds a model in memory. */

import type { Models } from "../models.ts";
import type { RunRecord } from "../runs/run-folder.ts";
import { type Laboratory, openLaboratory } from "./laboratory.ts";

const mostOpen = 2;

export interface Laboratories {
  /** @param record of a finished extraction. */
  of(record: RunRecord): Promise<Laboratory>;
  /** Called before its folder is removed. */
  forget(record: RunRecord): Promise<void>;
  close(): Promise<void>;
}

export function createLaboratories(options: {
  readonly models: Models;
  readonly threads: number | undefined;
}): Laboratories {
  // The least recently used one comes first.
  const open = new Map<string, Promise<Laboratory>>();
  const forget = async (id: string) => {
    const laboratory = open.get(id);
    open.delete(id);
    await laboratory?.then((each) => each.close()).catch(() => {});
  };
  return {
    async of(record) {
      const { id, request } = record;
      const found =
        open.get(id) ??
        options.models.open(request.model).then((model) => openLaboratory(record, model, options.threads));
      open.delete(id);
      open.set(id, found);
      found.catch(() => open.delete(id));
      const [oldest] = open.keys();
      if (open.size > mostOpen && oldest !== undefined) await forget(oldest);
      return found;
    },
    forget: ({ id }) => forget(id),
    async close() {
      for (const id of [...open.keys()]) await forget(id);
    },
  };
}
