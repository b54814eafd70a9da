/**
 * A run on disk: all that a new server needs to go on where a killed one was.
 *
 *   runs/ID/request.json   what was asked for, and the model's shape
 *   runs/ID/state.json     queued, running, …; how far
 *   runs/ID/events.jsonl   what pages were told
 *   runs/ID/task/          a task that was typed in
 *   runs/ID/circuit/ (or sweep/)   the result; while it is being made, its journal beside it
 */

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { orFileError } from "../files/file-error.ts";
import { makeFolders } from "../files/make-folders.ts";
import type { ApiError, RunRequest, RunState } from "./api.ts";
import { bodies } from "./request-bodies.ts";

const stateSchema = z.object({
  state: z.enum(["queued", "running", "paused", "done", "failed", "cancelled"]),
  done: z.number().min(0),
  total: z.number().min(0),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      advice: z.string().optional(),
      line: z.number().optional(),
      field: z.string().optional(),
    })
    .optional(),
});
const recordSchema = z.object({
  format: z.literal("pith.studio-run/1"),
  created: z.string(),
  modelName: z.string(),
  taskName: z.string(),
  headsPerLayer: z.array(z.int().min(0)),
  request: bodies.run,
});

/** What does not change once a run is made. */
export interface RunRecord {
  readonly id: string;
  readonly folder: string;
  /** ISO 8601. */
  readonly created: string;
  readonly modelName: string;
  readonly taskName: string;
  readonly headsPerLayer: readonly number[];
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
  const partial = join(runs, `.${id}.partial`);
  await orFileError("output", folder, async () => {
    await makeFolders(partial, 0o700);
    const { request } = record;
    await writeFile(
      join(partial, "request.json"),
      JSON.stringify({ format: "pith.studio-run/1", ...record }, null, 1),
    );
    await writeFile(join(partial, "state.json"), JSON.stringify(status));
    if (request.task.kind === "text") {
      const { name, format, text } = request.task;
      await mkdir(join(partial, "task"));
      await writeFile(join(partial, "task", `${name}.${format}`), text);
    }
    await rename(partial, folder);
  });
  return { id, folder, ...record };
}

/** Beside its place, then renamed into it: a killed server leaves the old one or the new one. */
export async function writeStatus({ folder }: RunRecord, status: RunStatus): Promise<void> {
  const path = join(folder, "state.json");
  await orFileError("output", path, async () => {
    await writeFile(`${path}.partial`, JSON.stringify(status));
    await rename(`${path}.partial`, path);
  });
}

/** All runs, the oldest first; a folder that can't be read as one is left alone and told of. */
export async function readRuns(
  runs: string,
  onFault: (message: string) => void,
): Promise<readonly { readonly record: RunRecord; readonly status: RunStatus }[]> {
  const found = [];
  for (const entry of await orFileError("output", runs, () => readdir(runs, { withFileTypes: true }))) {
    if (/^\.[0-9a-f]{12}\.(partial|deleted)$/.test(entry.name)) {
      await rm(join(runs, entry.name), { recursive: true, force: true });
    }
    if (!entry.isDirectory() || !runIdPattern.test(entry.name)) continue;
    const folder = join(runs, entry.name);
    try {
      const { format: _, ...record } = recordSchema.parse(await readJson(join(folder, "request.json")));
      const status = stateSchema.parse(await readJson(join(folder, "state.json")));
      found.push({ record: { id: entry.name, folder, ...record }, status });
    } catch (error) {
      onFault(`${folder} is no run that can be read, and is left as it is (${String(error).slice(0, 200)})`);
    }
  }
  return found.sort((a, b) => a.record.created.localeCompare(b.record.created));
}

/** Renamed first: killed in the middle, it is gone for the next server all the same. */
export async function removeRunFolder({ folder, id }: RunRecord): Promise<void> {
  const gone = join(folder, "..", `.${id}.deleted`);
  await orFileError("output", folder, async () => {
    await rename(folder, gone);
    await rm(gone, { recursive: true, force: true });
  });
}

/** Where the result is, or will be. */
export function resultFolder({ folder, request }: RunRecord): string {
  return join(folder, request.kind === "extract" ? "circuit" : "sweep");
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}
