/**
 * Makes a static site of circuits (Node): each runs in its visitor's browser, so that any host of plain files can
 * be used, under any path. Only the files that belong to a circuit's folder are copied.
 */

import { copyFile, lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { PithError } from "../../errors.ts";
import { checkWords, promptIds } from "../../export/ask-circuit.ts";
import { recordFile } from "../../export/check-files.ts";
import { type FileRecord, textRecord } from "../../export/checksum.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { folderLayout as layout, shippedFiles } from "../../export/folder-layout.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import {
  type SharedCircuit,
  type SharedPrompt,
  type SiteFile,
  siteFileName,
  siteFormat,
} from "../../export/site-file.ts";
import { taskLabel } from "../../export/task-label.ts";
import { makeFolders } from "../../files/make-folders.ts";
import { claimOutputFolder, fillOutputFolder, type OutputFolderOptions } from "../../files/output-folder.ts";
import { embeddedTask, packagePath, packageVersion } from "../../files/package-files.ts";
import { writeBytes } from "../../files/write-file.ts";
import { BUILTIN_TASKS } from "../../tasks/builtin/index.ts";
import type { OnEvent } from "../events.ts";
import { divide } from "../load-circuit.ts";
import { asAsked, templateFor } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { sitePage } from "./share-page.ts";

export interface CircuitToShare {
  readonly directory: string;
  /** Its task, for example prompts. */
  readonly task?: Task | undefined;
}

export interface ShareOptions {
  /** Left out: the model's and the task's name. */
  readonly title?: string | undefined;
  /** Whether an existing site is replaced. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface SharedSite {
  /** The absolute path. */
  readonly folder: string;
  readonly title: string;
  readonly circuits: readonly { readonly name: string; readonly bytes: number; readonly samples: number }[];
  /** ONNX Runtime's own files; a browser loads only one of them. */
  readonly runtime: readonly { readonly name: string; readonly bytes: number }[];
  /** The size of all files. */
  readonly bytes: number;
}

/**
 * @param out the site's folder, written beside its place and then renamed.
 * @throws PithError "circuit" for a folder that is not a circuit's; "output" if it can't be written.
 */
export async function shareCircuits(
  circuits: readonly CircuitToShare[],
  out: string,
  options: ShareOptions = {},
): Promise<SharedSite> {
  const place = { force: options.force ?? false, marker: siteFileName, kind: "site" };
  const release = await claimOutputFolder(out, place);
  try {
    return await makeSite(circuits, out, place, options);
  } finally {
    await release();
  }
}

async function makeSite(
  circuits: readonly CircuitToShare[],
  out: string,
  place: OutputFolderOptions,
  { title: wanted, signal, onEvent }: ShareOptions,
): Promise<SharedSite> {
  const chosen: Chosen[] = [];
  for (const { directory, task } of circuits) {
    await checkApart(directory, out);
    chosen.push(await choose(await readCircuitFolder(directory, { whole: true }), task, chosen));
  }
  const files = chosen.map(({ folder }) => folder.circuit);
  const title = wanted ?? titleOf(files);
  const site: SiteFile = {
    format: siteFormat,
    pith: packageVersion(),
    title,
    circuits: chosen.map(({ shared }) => shared),
  };
  const siteText = `${JSON.stringify(site, undefined, 2)}\n`;
  const page = await sitePage({
    title,
    description: `${title}: a circuit that runs in your browser.`,
    site: textRecord(siteFileName, siteText),
  });
  const texts: Readonly<Record<string, string>> = {
    "index.html": page.html,
    [siteFileName]: siteText,
    // Without this file, GitHub Pages would make a page of each model card instead of serving the card itself.
    ".nojekyll": "",
  };
  const copies = [
    ...page.files.map(({ path, name, bytes }) => ({ from: path, to: name, bytes })),
    ...chosen.flatMap(({ folder, shared }) =>
      shared.files.map(({ name, bytes }) => ({
        from: join(folder.directory, name),
        to: shared.path + name,
        bytes,
      })),
    ),
  ];
  const encoded = Object.entries(texts).map(
    ([name, text]) => [name, new TextEncoder().encode(text)] as const,
  );
  const total = sum(copies);
  await fillOutputFolder(out, place, async (partial) => {
    onEvent?.({ kind: "step", step: "export" });
    let done = 0;
    for (const { from, to, bytes } of copies) {
      signal?.throwIfAborted();
      await makeFolders(dirname(join(partial, to)));
      await copyFile(from, join(partial, to));
      done += bytes;
      onEvent?.({ kind: "progress", step: "export", done, total });
    }
    for (const [name, bytes] of encoded) await writeBytes(join(partial, name), bytes);
    signal?.throwIfAborted();
  });
  return {
    folder: resolve(out),
    title,
    circuits: chosen.map(({ shared }) => ({
      name: shared.name,
      bytes: sum(shared.files),
      samples: shared.samples.length,
    })),
    runtime: page.files
      .filter(({ name }) => name.endsWith(".wasm"))
      .map(({ name, bytes }) => ({ name, bytes })),
    bytes: total + encoded.reduce((bytes, [, text]) => bytes + text.length, 0),
  };
}

interface Chosen {
  readonly folder: CircuitFolder;
  readonly shared: SharedCircuit;
}

async function choose(
  folder: CircuitFolder,
  task: Task | undefined,
  others: readonly Chosen[],
): Promise<Chosen> {
  const name = freeName(
    basename(resolve(folder.directory)),
    others.map(({ shared }) => shared.name),
  );
  const about = task && taskTitle(task);
  const shared: SharedCircuit = {
    name,
    path: `circuits/${name}/`,
    ...(about !== undefined && { about }),
    samples: task === undefined ? [] : samplePrompts(folder, task),
    files: await ownFiles(folder.directory),
  };
  return { folder, shared };
}

/** A circuit inside the site's folder would be deleted when the site is replaced. */
async function checkApart(directory: string, out: string): Promise<void> {
  const site = await realpath(out).catch(() => resolve(out));
  const circuit = await realpath(directory).catch(() => resolve(directory));
  const path = relative(site, circuit);
  if (path.startsWith("..") || resolve(path) === path) return;
  throw new PithError("options", `${directory} lies in the folder that the site would replace.`, {
    place: { field: "--out" },
    advice: "Choose another folder.",
  });
}

/** The files that belong to a circuit's folder; other files in it are not copied. */
async function ownFiles(directory: string): Promise<SharedCircuit["files"]> {
  const files: FileRecord[] = [];
  for (const name of [layout.card, layout.circuit, ...shippedFiles()]) {
    const found = await lstat(join(directory, name)).catch(() => undefined);
    const record = found?.isFile() ? await recordFile(directory, name) : undefined;
    if (record !== undefined) files.push(record);
  }
  return files;
}

const mostSamples = 5;

/**
 * Prompts of the task that the circuit accepts, evenly spread over the set that was not used before, if there is
 * one.
 */
function samplePrompts(folder: CircuitFolder, task: Task): readonly SharedPrompt[] {
  const { test, validation } = divide(folder, task);
  const fit = (test.length > 0 ? test : validation).filter(
    ({ prompt, answers }) => answers.length > 0 && takes(folder, prompt),
  );
  const { chat } = folder.circuit.task;
  const asked = asAsked(fit, templateFor(folder.tokenizer, chat !== undefined));
  const step = Math.max(1, fit.length / mostSamples);
  const chosen = Array.from({ length: mostSamples }, (_, index) => asked[Math.floor(index * step)]);
  return chosen
    .filter((each) => each !== undefined)
    .slice(0, fit.length)
    .map(({ prompt, answers }) => ({ prompt, answers }));
}

function takes(folder: CircuitFolder, prompt: string): boolean {
  try {
    checkWords(folder, promptIds(folder, prompt), {});
    return true;
  } catch (error) {
    if (error instanceof PithError) return false;
    throw error;
  }
}

/** The title of a built-in task. */
function taskTitle(task: Task): string | undefined {
  if (task.builtin === undefined && task.path !== packagePath(embeddedTask)) return undefined;
  return BUILTIN_TASKS.find(({ name }) => name === task.name)?.title;
}

function titleOf(circuits: readonly CircuitFile[]): string {
  const [first] = circuits;
  const names = new Set(circuits.map(({ model }) => model.name));
  const model = names.size === 1 ? first?.model.name : undefined;
  if (circuits.length === 1) return `${model} · ${first && taskLabel(first)}`;
  return model === undefined ? `${circuits.length} circuits` : `${circuits.length} circuits of ${model}`;
}

/** A name for a URL that needs no escapes, unique on hosts with and without case-sensitive names. */
function freeName(folder: string, taken: readonly string[]): string {
  const clean = folder.replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^[.-]+|[.-]+$/g, "") || "circuit";
  const used = new Set(taken.map((name) => name.toLowerCase()));
  let name = clean;
  for (let number = 2; used.has(name.toLowerCase()); number++) name = `${clean}-${number}`;
  return name;
}

function sum(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}
