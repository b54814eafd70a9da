/**
 * The journal of a sweep on disk (Node): every evaluation and every finished row, as soon as it is found. When a
 * killed sweep is resumed, it takes all of them over.
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

/** The journaled results of one unit. */
export interface UnitRecord {
  readonly entries: readonly SweepEntry[];
  readonly rows: readonly SweepRow[];
  /** Present when the unit is finished. */
  readonly counts?: EvaluationCounts | undefined;
}

/** One line: the unit's index in the plan, and the result. */
export type JournalLine = { readonly unit: number } & (
  | { readonly entry: SweepEntry }
  | { readonly row: SweepRow }
  | { readonly counts: EvaluationCounts }
);

export interface SweepJournal {
  /** The results of an earlier run, by the unit's index. */
  readonly resumed: ReadonlyMap<number, UnitRecord>;
  /** Resolves when the line is written; lines are written one after another, in the order of the calls. */
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

/** The journal of a sweep that writes none. */
export const noJournal: SweepJournal = {
  resumed: new Map(),
  append: async () => {},
  close: async () => {},
  remove: async () => {},
};

/**
 * @param key identifies the sweep: equal keys mean equal results.
 * @param start "resume" continues an existing journal; "anew" overwrites it; "new" refuses to start if there is
 * one.
 * @param firstFault checks lines against the steps that they belong to.
 * @throws PithError "options" when the journal belongs to another sweep, is damaged, or exists although `start`
 * is "new"; "output" for errors of the disk.
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
