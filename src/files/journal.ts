/**
 * A file of the results that a long command has found so far (Node). Each result is written as soon as it is
 * found, so that a killed command can be continued. The first line says which work the journal belongs to; each
 * other line is one entry. If the process dies while it writes a line, that line has no line feed and is ignored.
 *
 * Each entry carries a checksum over itself and everything before it. An entry is refused and named when its
 * checksum is wrong or when it does not belong to the expected step of the work. The entries before it are kept,
 * so that the next start can continue from there.
 */
import { createHash } from "node:crypto";
import { copyFile, readFile, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { PithError } from "../errors.ts";
import { openAppendFile, wholeLines } from "./append-file.ts";
import { errorCode, fileError, orFileError } from "./file-error.ts";
import { tryJson } from "./json.ts";
import { placeFile } from "./write-file.ts";

export interface Journal<T> {
  readonly path: string;
  /** The entries of an earlier run. */
  readonly resumed: readonly T[];
  /** Resolves when the entry is written. Entries are written in the order of the calls. */
  append(entry: T): Promise<void>;
  /** Resolves when nothing is being written any more. */
  close(): Promise<void>;
  remove(): Promise<void>;
}

/** The first entry that does not fit the work, and why. */
export interface EntryFault {
  readonly index: number;
  readonly why: string;
}

export interface JournalOptions<T> {
  /** Identifies the work: runs with equal keys write equal entries. */
  readonly key: string;
  /** "resume" continues an existing journal, "anew" overwrites it, "new" refuses to start if there is one. */
  readonly start: "new" | "anew" | "resume";
  /** The schema of an entry, as JSON gives it back. */
  readonly schema: z.ZodType<T>;
  /** Checks the entries against the steps that they belong to. */
  readonly firstFault?: ((entries: readonly T[]) => EntryFault | undefined) | undefined;
  /** The kind of work, for messages. */
  readonly work: "search" | "sweep";
}

const FORMAT = "pith.journal/2";
const headerSchema = z.object({ journal: z.string(), key: z.string() });

/** The journal's path: beside the output folder of the work. */
export function journalPath(out: string, name = "journal"): string {
  const path = resolve(out);
  return join(dirname(path), `.${basename(path)}.${name}.jsonl`);
}

/**
 * @throws PithError "options" when the journal belongs to other work, is damaged, or exists although `start` is
 * "new"; the file is then left unchanged, except that entries from the damaged one on are removed. PithError
 * "output" for errors of the disk.
 */
export async function openJournal<T>(path: string, options: JournalOptions<T>): Promise<Journal<T>> {
  const { key, start, work } = options;
  const header = JSON.stringify({ journal: FORMAT, key });
  const there = start === "anew" ? undefined : await readText(path);
  if (there !== undefined) checkHeader(there, path, options);
  // Whole lines may follow a damaged one: any content after the first line is somebody's result.
  if (start === "new" && there !== undefined && /\n./.test(there)) {
    throw new PithError("options", `an interrupted ${work} lies there.`, {
      place: { file: path },
      advice: "Go on with it by --resume, or start anew with --force.",
    });
  }
  const found = readEntries(there ?? "", header, options);
  // The file is written anew once, without the incomplete line; after that, lines are only appended.
  const text = [header, ...found.lines].map((line) => `${line}\n`).join("");
  if (found.fault !== undefined) {
    await orFileError("output", path, () => copyFile(path, damagedPath(path)));
    await placeFile(path, text, { replaces: true });
    throw damaged(path, found.lines.length, found.fault, options);
  }
  await placeFile(path, text, { replaces: true });

  const file = openAppendFile(path, Buffer.byteLength(text));
  let last: Promise<string> = Promise.resolve(found.sum);
  return {
    path,
    resumed: found.entries,
    append(entry) {
      const payload = JSON.stringify(entry);
      const before = last;
      const written = before.then(async (sum) => {
        const own = checksum(sum, payload);
        await file.append(`${lineOf(payload, own)}\n`);
        return own;
      });
      // An entry that could not be written is not part of the checksums after it.
      last = written.catch(() => before);
      return written.then(() => undefined);
    },
    close: () => last.then(() => undefined),
    async remove() {
      await last;
      await orFileError("output", path, async () => {
        await rm(path, { force: true });
        await rm(damagedPath(path), { force: true });
      });
    },
  };
}

/** The path of the copy of a damaged journal. The copy is kept until the work is done. */
function damagedPath(path: string): string {
  return `${path}.damaged`;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  }
}

function checkHeader<T>(text: string, path: string, { key, work }: JournalOptions<T>): void {
  // The first line itself is incomplete, so nothing was found yet.
  const opening = '{"journal":"pith.';
  if (!text.includes("\n") && (text.startsWith(opening) || opening.startsWith(text))) return;
  const fail = (message: string, advice: string) =>
    new PithError("options", message, { place: { file: path, line: 1 }, advice });
  const header = headerSchema.safeParse(tryJson(wholeLines(text)[0] ?? ""));
  if (!header.success) {
    throw fail(
      `is damaged: its first line does not say which ${work} it is of.`,
      "Mend it or move it away; or start anew, without --resume, and with --force where a sweep asks for it.",
    );
  }
  if (header.data.journal === FORMAT && header.data.key === key) return;
  const tasks = work === "sweep" ? "tasks" : "task";
  throw new PithError("options", `the interrupted ${work} had another model, ${tasks} or options.`, {
    place: { file: path },
    advice: "Give the same ones to go on, or start anew without --resume (a sweep with --force).",
  });
}

interface Entries<T> {
  readonly entries: readonly T[];
  /** The lines of the entries, without line feeds. */
  readonly lines: readonly string[];
  /** The checksum of the last entry. */
  readonly sum: string;
  /** What is wrong with the first line that is not an entry. */
  readonly fault?: string | undefined;
}

function readEntries<T>(text: string, header: string, { schema, firstFault }: JournalOptions<T>): Entries<T> {
  const entries: T[] = [];
  const lines: string[] = [];
  const sums = [checksum("", header)];
  let fault: string | undefined;
  for (const line of wholeLines(text).slice(1)) {
    const [, payload, written] = /^\{"entry":(.*),"sum":"([0-9a-f]{16})"\}$/s.exec(line) ?? [];
    const sum = checksum(sums.at(-1) ?? "", payload ?? "");
    const entry = schema.safeParse(tryJson(payload ?? ""));
    if (payload === undefined || !entry.success) fault = "it is no entry of such a journal";
    else if (sum !== written) fault = "its checksum is another";
    if (fault !== undefined || !entry.success) break;
    entries.push(entry.data);
    lines.push(line);
    sums.push(sum);
  }
  const wrong = firstFault?.(entries);
  const count = wrong?.index ?? entries.length;
  return {
    entries: entries.slice(0, count),
    lines: lines.slice(0, count),
    sum: sums[count] ?? "",
    fault: wrong?.why ?? fault,
  };
}

function damaged<T>(path: string, kept: number, why: string, { work }: JournalOptions<T>): PithError {
  const entries = kept === 1 ? "The 1 entry" : `The ${kept} entries`;
  return new PithError("options", `is damaged in line ${kept + 2}: ${why}.`, {
    place: { file: path },
    advice: `${entries} before it ${kept === 1 ? "is" : "are"} kept, and the whole file is in ${basename(damagedPath(path))}: give the same command with --resume to go on with the ${work} from there, or without it to start anew.`,
  });
}

function lineOf(payload: string, sum: string): string {
  return `{"entry":${payload},"sum":"${sum}"}`;
}

function checksum(before: string, payload: string): string {
  return createHash("sha256").update(`${before}\n${payload}`).digest("hex").slice(0, 16);
}
