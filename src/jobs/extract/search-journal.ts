/** The journals of an extraction (Node): its search's, and its bootstrap's runs. */
import type { z } from "zod";
import { type EntryFault, type Journal, journalPath, openJournal } from "../../files/journal.ts";

export interface OpenJournalOptions<T> {
  /** The folder that the search will end in. */
  readonly out: string;
  /** Names the search: equal keys, equal entries. */
  readonly key: string;
  /** Take over what is there; else what is there is overwritten. */
  readonly resume: boolean;
  readonly schema: z.ZodType<T>;
  readonly firstFault: (entries: readonly T[]) => EntryFault | undefined;
  /** Of its file, where an extraction has several. */
  readonly name?: string | undefined;
}

/** @throws PithError "options" when the journal that is there is another search's, or damaged; "output" for the disk. */
export function openSearchJournal<T>({
  out,
  resume,
  name,
  ...options
}: OpenJournalOptions<T>): Promise<Journal<T>> {
  return openJournal(journalPath(out, name), {
    ...options,
    start: resume ? "resume" : "anew",
    work: "search",
  });
}
