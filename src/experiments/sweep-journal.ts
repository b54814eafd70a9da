/**
 * What a sweep has found so far, on disk (Node): every evaluation and every finished row as it comes. A killed sweep
 * takes all of it over.
 */
import { z } from "zod";
import type { SweepEntry } from "../discovery/sweep.ts";
import { type EntryFault, openJournal } from "../files/journal.ts";
import { asSweepRow, type SweepRow } from "./sweep-row.ts";

/** How many evaluations a unit took, and how many a search for each of its thresholds would have taken. */
export interface EvaluationCounts {
  /** How many candidates were evaluated. */
  readonly evaluations: number;
  /** How many a search for each threshold by itself would have evaluated. */
  readonly separately: number;
}

/** What is known of one unit. */
export interface UnitRecord {
  readonly entries: readonly SweepEntry[];
  readonly rows: readonly SweepRow[];
  /** There when the unit is through. */
  readonly counts?: EvaluationCounts | undefined;
}

/** One line: the unit's index in the plan, and what came. */
export type JournalLine = { readonly unit: number } & (
  | { readonly entry: SweepEntry }
  | { readonly row: SweepRow }
  | { readonly counts: EvaluationCounts }
);

export interface SweepJournal {
  /** What an earlier run had found, by the unit's index. */
  readonly resumed: ReadonlyMap<number, UnitRecord>;
  /** Resolves when the line is written; lines are written one after another, whoever hands them in. */
  append(line: JournalLine): Promise<void>;
  close(): Promise<void>;
  remove(): Promise<void>;
}

const whole = z.int().min(0);
const unit = whole;
const lineSchema = z.union([
  z.object({
    unit,
    entry: z.object({ path: z.string(), layer: whole, component: z.string(), kl: z.number() }),
  }),
  z.object({ unit, counts: z.object({ evaluations: whole, separately: whole }) }),
  z.object({
    unit,
    row: z.unknown().transform((value, context) => {
      const row = asSweepRow(value);
      if (row === undefined) context.addIssue({ code: "custom", message: "no row" });
      return row ?? z.NEVER;
    }),
  }),
]);

/** Of a sweep that writes no journal. */
export const noJournal: SweepJournal = {
  resumed: new Map(),
  append: async () => {},
  close: async () => {},
  remove: async () => {},
};

/**
 * @param key names the sweep: equal keys, equal results.
 * @param start "resume" takes over what is there; "anew" overwrites it; "new" wants nothing to be there.
 * @param firstFault compares lines with the steps that they stand for.
 * @throws PithError "options" when the journal that is there is another sweep's or damaged, or is there and may not be;
 * "output" for the disk.
 */
export async function openSweepJournal(
  path: string,
  key: string,
  start: "new" | "anew" | "resume",
  firstFault?: (lines: readonly JournalLine[]) => EntryFault | undefined,
): Promise<SweepJournal> {
  const journal = await openJournal<JournalLine>(path, {
    ...{ key, start, firstFault, work: "sweep" },
    schema: lineSchema,
  });
  return { ...journal, resumed: byUnit(journal.resumed) };
}

function byUnit(lines: readonly JournalLine[]): ReadonlyMap<number, UnitRecord> {
  const records = new Map<number, { entries: SweepEntry[]; rows: SweepRow[]; counts?: EvaluationCounts }>();
  for (const line of lines) {
    const record = records.get(line.unit) ?? { entries: [], rows: [] };
    records.set(line.unit, record);
    if ("entry" in line) record.entries.push(line.entry);
    else if ("row" in line) record.rows.push(line.row);
    else record.counts = line.counts;
  }
  return records;
}
