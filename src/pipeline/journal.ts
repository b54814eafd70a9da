/**
 * A search's decisions on disk as they fall (Node), so that a killed search goes on where it was. One JSON
 * line each, after a first line that says which search it is: another model, task or option is another search.
 * A line that was being written when the process died is torn, and is left out.
 */
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { Decision } from "../discovery/search.ts";
import { PithError } from "../errors.ts";
import { errorCode, fileError, orFileError } from "../files/file-error.ts";

const headerSchema = z.object({ journal: z.literal("pith.journal/1"), key: z.string() });
const decisionSchema = z.object({
  layer: z.int().min(0),
  component: z.string(),
  kl: z.number(),
  delta: z.number(),
  pruned: z.boolean(),
  pass: z.int().min(2).optional(),
});

export interface LineJournal<T> {
  readonly path: string;
  /** What an earlier run had found. */
  readonly resumed: readonly T[];
  append(line: T): Promise<void>;
  remove(): Promise<void>;
}

export type Journal = LineJournal<Decision>;

/** Beside the folder that the search will end in. */
export function journalPath(out: string): string {
  const path = resolve(out);
  return join(dirname(path), `.${basename(path)}.journal.jsonl`);
}

/**
 * @param key names the search: equal keys, equal decisions.
 * @param resume take over what is there; else what is there is overwritten.
 * @throws PithError "options" when the journal that is there is another search's; "output" for the disk.
 */
export function openJournal(out: string, key: string, resume: boolean): Promise<Journal> {
  return openLines(journalPath(out), key, decisionSchema, resume);
}

/** The same for lines of any kind. @param schema what a whole line is. */
export async function openLines<T>(
  path: string,
  key: string,
  schema: z.ZodType<T>,
  resume: boolean,
): Promise<LineJournal<T>> {
  const resumed = resume ? await readLines(path, key, schema) : [];
  // Written anew without the torn line, in one go; from then on it only grows.
  const lines = [{ journal: "pith.journal/1", key }, ...resumed].map((line) => `${JSON.stringify(line)}\n`);
  await orFileError("output", path, () => writeFile(path, lines.join("")));
  return {
    path,
    resumed,
    append: (line) => orFileError("output", path, () => appendFile(path, `${JSON.stringify(line)}\n`)),
    remove: () => rm(path, { force: true }),
  };
}

async function readLines<T>(path: string, key: string, schema: z.ZodType<T>): Promise<T[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw fileError("output", path, error);
  }
  const [first, ...rest] = text.split("\n");
  const header = headerSchema.safeParse(parseLine(first));
  // Torn in its very first line: nothing was decided yet.
  if (!header.success) return [];
  if (header.data.key !== key) {
    throw new PithError("options", "the interrupted search had another model, task or options.", {
      place: { file: path },
      advice: "Give the same ones, or start anew without --resume.",
    });
  }
  const lines: T[] = [];
  for (const line of rest) {
    const parsed = schema.safeParse(parseLine(line));
    if (!parsed.success) break;
    lines.push(parsed.data);
  }
  return lines;
}

/** A line's value; undefined where it is torn. */
export function parseLine(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? "");
  } catch {
    return undefined;
  }
}
