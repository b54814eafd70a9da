/**
 * The journals of an extraction (Node): a search's decisions, a target's evaluations, a bootstrap's runs, each compared
 * with what the search would have written.
 */
import { z } from "zod";
import { faultInDecisions } from "../../discovery/check-resumed.ts";
import type { Decision } from "../../discovery/searches/greedy/search.ts";
import { type EntryFault, type Journal, journalPath, openJournal } from "../../files/journal.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { SearchSettings } from "./extract-options.ts";

const decisionSchema = z.object({
  layer: z.int().min(0),
  component: z.string(),
  kl: z.number(),
  delta: z.number(),
  pruned: z.boolean(),
  pass: z.int().min(2).optional(),
});

export interface SearchJournalOptions<T> {
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
}: SearchJournalOptions<T>): Promise<Journal<T>> {
  return openJournal(journalPath(out, name), {
    ...options,
    start: resume ? "resume" : "anew",
    work: "search",
  });
}

/** Of a search at a given α. */
export function openDecisions(
  out: string,
  key: string,
  model: Transformer,
  settings: SearchSettings,
): Promise<Journal<Decision>> {
  return openSearchJournal<Decision>({
    ...{ out, key, resume: settings.resume, schema: decisionSchema },
    firstFault: (decisions) => faultInDecisions(model, settings, decisions),
  });
}
