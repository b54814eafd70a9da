/** The journals of an extraction (Node): its search's, and its bootstrap's runs. */
import type { z } from "zod";
import { type EntryFault, type Journal, journalPath, openJournal } from "../../files/journal.ts";

export interface OpenJournalOptions<T> {
  /** The output folder of the search. */
  readonly out: string;
  /** Identifies the search: equal keys mean equal entries. */
  readonly key: string;
  /** Whether an existing journal is continued; otherwise it is overwritten. */
  readonly resume: boolean;
  readonly schema: z.ZodType<T>;
  readonly firstFault: (entries: readonly T[]) => EntryFault | undefined;
  /** The name of its file, if an extraction has several journals. */
  readonly name?: string | undefined;
}

/**
 * @throws PithError "options" when the journal belongs to another search or is damaged; "output" for errors of
 * the disk.
 */
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
