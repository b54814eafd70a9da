/**
 * A run on disk: everything that a new server needs to continue the run of a killed one.
 *
 *   runs/ID/request.json   the request, and the model's shape
 *   runs/ID/state.json     queued, running, …; progress
 *   runs/ID/events.jsonl   the events that pages got
 *   runs/ID/task/          a task that was typed in
 *   runs/ID/circuit/ (or sweep/)   the result; while it is being made, its journal beside it
 */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { beginFolder, kindOf } from "../../files/atomic-folder.ts";
import { fileError, orFileError } from "../../files/file-error.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { placeFile, writeText } from "../../files/write-file.ts";
import { Refusal } from "../answer-error.ts";
import type { ApiError, RunRequest, RunState } from "../api.ts";
import { bodies } from "../request-bodies.ts";

/** The states that are stored for a run. */
export const runStates = ["queued", "running", "paused", "done", "failed", "cancelled"] as const;
export const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  advice: z.string().optional(),
  line: z.number().optional(),
  field: z.string().optional(),
});
const stateSchema = z.object({
  state: z.enum(runStates),
  done: z.number().min(0),
  total: z.number().min(0),
  error: errorSchema.optional(),
});
const recordSchema = z.object({
  format: z.literal("pith.studio-run/1"),
  created: z.string(),
  modelName: z.string(),
  taskName: z.string(),
  headsPerLayer: z.array(z.int().min(0)),
  headGroups: z.array(z.array(z.int().min(0))).optional(),
  request: bodies.run,
});

/** The constant facts about a run. */
export interface RunRecord {
  readonly id: string;
  readonly folder: string;
  /** ISO 8601. */
  readonly created: string;
  readonly modelName: string;
  readonly taskName: string;
  readonly headsPerLayer: readonly number[];
  /** Left out: each head has keys and values of its own. */
  readonly headGroups?: readonly (readonly number[])[] | undefined;
  readonly request: RunRequest;
}

export interface RunStatus {
  readonly state: RunState;
  readonly done: number;
  readonly total: number;
  readonly error?: ApiError["error"] | undefined;
}

export const runIdPattern = /^[0-9a-f]{12}$/;

export async function createRunFolder(
  runs: string,
  record: Omit<RunRecord, "id" | "folder">,
  status: RunStatus,
): Promise<RunRecord> {
  const id = randomBytes(6).toString("hex");
  const folder = join(runs, id);
  await makeFolders(runs, 0o700);
  const { partial, commit, discard } = await beginFolder(folder);
  try {
    const { request } = record;
    await writeText(
      join(partial, "request.json"),
      JSON.stringify({ format: "pith.studio-run/1", ...record }, null, 1),
    );
    await writeText(join(partial, "state.json"), JSON.stringify(status));
    if (request.task.kind === "text") {
      const { name, format, text } = request.task;
      await mkdir(join(partial, "task"));
      await writeText(join(partial, "task", `${name}.${format}`), text);
    }
    await commit(async () => {});
  } catch (error) {
    await discard().catch(() => undefined);
    throw fileError("output", folder, error);
  }
  return { id, folder, ...record };
}

/** After a crash, the file has either the old status or the new one. */
export function writeStatus({ folder }: RunRecord, status: RunStatus): Promise<void> {
  return placeFile(join(folder, "state.json"), JSON.stringify(status), { replaces: true });
}

/**
 * All runs, the oldest first; one whose state can't be read is damaged. A folder without a readable request is
 * left unchanged and reported.
 */
export async function readRuns(
  runs: string,
  onFault: (message: string) => void,
): Promise<readonly { readonly record: RunRecord; readonly status: RunStatus }[]> {
  const found = [];
  for (const entry of await orFileError("output", runs, () => readdir(runs, { withFileTypes: true }))) {
    if (/^\.[0-9a-f]{12}\.(partial(-\d+)?|deleted)$/.test(entry.name)) {
      await rm(join(runs, entry.name), { recursive: true, force: true });
    }
    if (!entry.isDirectory() || !runIdPattern.test(entry.name)) continue;
    const folder = join(runs, entry.name);
    try {
      const { format: _, ...record } = recordSchema.parse(
        await readJsonObject(join(folder, "request.json"), { code: "output" }),
      );
      const status = await readStatus(join(folder, "state.json"));
      found.push({ record: { id: entry.name, folder, ...record }, status });
    } catch (error) {
      onFault(`${folder} is no run that can be read, and is left as it is (${String(error).slice(0, 200)})`);
    }
  }
  return found.sort((a, b) => a.record.created.localeCompare(b.record.created));
}

async function readStatus(path: string): Promise<RunStatus> {
  try {
    return stateSchema.parse(await readJsonObject(path, { code: "output" }));
  } catch {
    return damagedStatus(`${path} does not say in what state the run is.`);
  }
}

/** The status of a run that can't be read. */
export function damagedStatus(message: string): RunStatus {
  const advice =
    "Mend the file and start the studio anew, or delete the run; what it has made lies in its folder.";
  return { state: "damaged", done: 0, total: 0, error: { code: "damaged", message, advice } };
}

/** The folder is renamed first: if the server is killed in the middle, the next one ignores the run. */
export async function removeRunFolder({ folder, id }: RunRecord): Promise<void> {
  const gone = join(folder, "..", `.${id}.deleted`);
  await orFileError("output", folder, async () => {
    await rename(folder, gone);
    await rm(gone, { recursive: true, force: true });
  });
}

/**
 * The result's folder, for reading. It must be a real folder, because a link could lead anywhere.
 * @throws Refusal 404 if it does not exist, 409 if it is not a folder.
 */
export async function expectResult(record: RunRecord): Promise<string> {
  const path = resultFolder(record);
  const kind = await kindOf(path);
  if (kind === "folder") return path;
  const name = basename(path);
  throw kind === undefined
    ? new Refusal(404, "result", `the run is done, but its folder "${name}" is gone from ${record.folder}.`)
    : new Refusal(
        409,
        "result",
        `"${name}" in ${record.folder} is no folder but a link or a file: it is not read.`,
      );
}

/** The path of the result, whether it exists yet or not. */
export function resultFolder({ folder, request }: RunRecord): string {
  return join(folder, request.kind === "extract" ? "circuit" : "sweep");
}
