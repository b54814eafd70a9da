/**
 * What a sweep has found so far, on disk (Node): every evaluation and every finished row as it comes, one JSON
 * line each, after a first line that says which sweep it is. A killed sweep takes all of it over. A line that
 * was being written when the process died is torn, and is left out.
 */
import { open, readFile, rename, rm } from "node:fs/promises";
import { z } from "zod";
import type { SweepEntry } from "../discovery/sweep.ts";
import { PithError } from "../errors.ts";
import { errorCode, fileError, orFileError } from "../files/file-error.ts";
import { parseLine } from "../pipeline/journal.ts";
import { asSweepRow, type SweepRow } from "./sweep-row.ts";

/** How many evaluations a unit took, and how many a search for each of its thresholds would have taken. */
export interface EvaluationCounts {
  readonly evaluations: number;
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

const FORMAT = "pith.sweep-journal/2";
const headerSchema = z.object({ journal: z.string(), key: z.string() });
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
 * @throws PithError "options" when the journal that is there is another sweep's, or is there and may not be;
 * "output" for the disk.
 */
export async function openSweepJournal(
  path: string,
  key: string,
  start: "new" | "anew" | "resume",
): Promise<SweepJournal> {
  const there = start === "anew" ? undefined : await readText(path);
  const lines = there === undefined ? [] : readLines(there, key, path);
  // A damaged line may have whole ones after it: whatever follows the first line was found by somebody.
  if (start === "new" && there !== undefined && /\n./.test(there)) {
    throw new PithError("options", "an interrupted sweep lies there.", {
      place: { file: path },
      advice: "Go on with it by --resume, or start anew with --force.",
    });
  }
  // Written anew without the torn line, beside its place: killed here, the old one is still whole.
  const partial = `${path}.partial`;
  const text = [{ journal: FORMAT, key }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
  const file = await orFileError("output", path, async () => {
    const handle = await open(partial, "w");
    await handle.writeFile(text);
    await rename(partial, path);
    return handle;
  });
  let writing: Promise<void> = Promise.resolve();
  const append = (line: JournalLine): Promise<void> => {
    const written = writing.then(() =>
      orFileError("output", path, () => file.appendFile(`${JSON.stringify(line)}\n`)),
    );
    writing = written.catch(() => {});
    return written;
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= writing.then(() => file.close());
    return closing;
  };
  return {
    resumed: byUnit(lines),
    append,
    close,
    async remove() {
      await close();
      await orFileError("output", path, () => rm(path, { force: true }));
    },
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  }
}

/** All whole lines after the first. */
function readLines(text: string, key: string, path: string): readonly JournalLine[] {
  const [first, ...rest] = text.split("\n");
  const header = headerSchema.safeParse(parseLine(first));
  if (!header.success) {
    if (isTornHeader(text)) return [];
    throw new PithError("options", "is damaged: its first line does not say which sweep it is of.", {
      place: { file: path },
      advice: "Mend it or move it away; or start anew with --force and without --resume.",
    });
  }
  if (header.data.journal !== FORMAT || header.data.key !== key) {
    throw new PithError("options", "what was interrupted here had another model, tasks or options.", {
      place: { file: path },
      advice: "Give the same ones to go on, or start anew with --force and without --resume.",
    });
  }
  const lines: JournalLine[] = [];
  // What stands after the last line feed is torn, even where it happens to be JSON: 12 of 123.
  for (const line of rest.slice(0, -1)) {
    const parsed = lineSchema.safeParse(parseLine(line));
    if (!parsed.success) break;
    lines.push(parsed.data);
  }
  return lines;
}

/** Torn in its very first line: nothing was found yet. */
function isTornHeader(text: string): boolean {
  const opening = '{"journal":"pith.sweep-journal/';
  return !text.includes("\n") && (text.startsWith(opening) || opening.startsWith(text));
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
