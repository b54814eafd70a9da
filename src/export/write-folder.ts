/**
 * Writes the folder that a user ships (Node). It is made beside its place, as `.NAME.partial-PID`, and takes
 * its name only when it is whole and the caller, who may open and check it first, says so: whoever sees the
 * folder sees all of it. What killed processes left behind is cleared away by the next export to that name.
 */

import { copyFile, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode, fileError } from "../checkpoint/file-error.ts";
import { planSafetensors } from "../checkpoint/safetensors-writer.ts";
import { writeSafetensorsFile } from "../checkpoint/write-safetensors-file.ts";
import { PithError } from "../errors.ts";
import { makeFolders } from "../files/make-folders.ts";
import type { Target } from "../lowering/target.ts";
import { encodeGraph } from "../onnx/encode-graph.ts";
import type { Graph } from "../onnx/graph.ts";
import type { TokenizerFiles } from "../tokenizer/tokenizer.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { type CircuitFile, formatCircuitFile, parseCircuitFile } from "./circuit-file.ts";
import { configJson, generationConfigJson, type Profile, type SpecialTokens } from "./config-json.ts";
import { folderLayout as names } from "./folder-layout.ts";
import { modelCard } from "./model-card.ts";
import { shipModel } from "./ship-model.ts";
import { shippedTokenizer } from "./shipped-tokenizer.ts";
import { tensorsToStore } from "./stored-weights.ts";

export interface FolderContents {
  /** The standalone model. */
  readonly model: Transformer;
  readonly profile: Profile;
  readonly tokenizer: TokenizerFiles;
  readonly specialTokens: SpecialTokens;
  /** Operators that the graph may use; left out, standard ones alone. */
  readonly operators?: Target | undefined;
}

export interface WriteFolderOptions {
  /** Replace a folder that is there. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of weights written so far, and in all. */
  readonly onProgress?: (written: number, total: number) => void;
}

/** A folder that lacks only circuit.json and README.md, under a name of its own. End it one way or the other. */
export interface PreparedFolder {
  /** Where it lies now. */
  readonly directory: string;
  /** The ONNX file in it, to be opened and verified. */
  readonly modelPath: string;
  /** Size of the file with the weights, as it was first written. */
  readonly bytes: number;
  /** Writes another graph in the model's place, as in another number format. @returns the new weights' size. */
  replaceModel(graph: Graph): Promise<number>;
  /** Writes what was measured, and gives the folder its name. Whatever fails, the partial folder goes. */
  commit(circuit: CircuitFile): Promise<void>;
  /** Removes it; nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Whether the folder may be written, so that a long run can fail before it starts.
 * @throws PithError "output" when something is there and may not be replaced, or the place is no place.
 */
export async function checkOutputFolder(
  directory: string,
  { force = false }: Pick<WriteFolderOptions, "force"> = {},
): Promise<void> {
  const path = resolve(directory);
  if (basename(path) === "") throw outputError(path, "is the root of the file system");
  const found = await kindOf(path);
  if (found === undefined) return;
  if (found === "other") throw outputError(path, "exists, and is not a folder", "Choose another name.");
  if (!force) throw outputError(path, "exists already", "Choose another folder, or replace it with --force.");
  const content = await readdir(path).catch((error) => {
    throw fileError("output", path, error);
  });
  // `--out ~` with `--force` must not cost anyone a home.
  if (content.length > 0 && !content.includes(names.circuit)) {
    throw outputError(
      path,
      `exists, and is no circuit folder (it has no ${names.circuit})`,
      "Even --force replaces circuit folders only: choose another name, or remove it yourself.",
    );
  }
}

/** Writes everything but circuit.json and README.md beside `directory`. @throws PithError "output". */
export function prepareCircuitFolder(
  directory: string,
  contents: FolderContents,
  options: WriteFolderOptions = {},
): Promise<PreparedFolder> {
  return prepare(directory, options, (partial) => writeContents(partial, contents, options));
}

/**
 * The same for a circuit folder that is there already, with another graph.
 * @param source the folder whose configuration and tokenizer are copied. @throws PithError "output".
 */
export function prepareConvertedFolder(
  directory: string,
  source: string,
  graph: Graph,
  options: WriteFolderOptions & { readonly config?: object } = {},
): Promise<PreparedFolder> {
  return prepare(directory, options, async (partial) => {
    for (const name of [names.config, names.generationConfig, names.tokenizer, names.tokenizerConfig]) {
      await copyFile(join(source, name), join(partial, name));
    }
    if (options.config !== undefined) await writeJson(join(partial, names.config), options.config, 2);
    return writeModel(partial, graph, options, false);
  });
}

/** @param write fills the partial folder, and returns the size of its weights. */
async function prepare(
  directory: string,
  options: WriteFolderOptions,
  write: (partial: string) => Promise<number>,
): Promise<PreparedFolder> {
  const target = resolve(directory);
  options.signal?.throwIfAborted();
  await checkOutputFolder(target, options);
  const partial = siblingName(target, "partial");
  await makeFolder(target, partial);
  let ended = false;
  const remove = async () => {
    if (ended) return;
    ended = true;
    await rm(partial, { recursive: true, force: true });
    active.delete(partial);
  };
  const orRemove = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (error) {
      await remove();
      throw options.signal?.aborted ? error : outputFailure(partial, error);
    }
  };

  const bytes = await orRemove(() => write(partial));
  return {
    directory: partial,
    modelPath: join(partial, names.modelFolder, names.model),
    bytes,
    replaceModel: (graph) => orRemove(() => writeModel(partial, graph, options, true)),
    discard: remove,
    commit: (circuit) =>
      orRemove(async () => {
        if (ended) throw new Error("this folder was committed or discarded already");
        options.signal?.throwIfAborted();
        const checked = parseCircuitFile(circuit);
        await writeText(join(partial, names.circuit), formatCircuitFile(checked));
        await writeText(join(partial, names.card), modelCard(checked));
        await syncFolder(partial);
        options.signal?.throwIfAborted();
        await takePlace(partial, target, options);
        ended = true;
        active.delete(partial);
      }),
  };
}

async function writeContents(
  folder: string,
  { model, profile, tokenizer, specialTokens, operators }: FolderContents,
  { signal, onProgress }: WriteFolderOptions,
): Promise<number> {
  const { graph, shipped } = shipModel(model, profile, operators);
  const files = shippedTokenizer(tokenizer);
  await writeJson(join(folder, names.config), configJson(shipped, profile, specialTokens), 2);
  await writeJson(join(folder, names.generationConfig), generationConfigJson(specialTokens), 2);
  await writeJson(join(folder, names.tokenizer), files["tokenizer.json"], 0);
  await writeJson(join(folder, names.tokenizerConfig), files["tokenizer_config.json"], 2);

  return writeModel(folder, graph, { signal, ...(onProgress && { onProgress }) }, false);
}

/**
 * Writes the graph and the container with its weights.
 * @param replaces whether such files are there; the graph may read its weights from them.
 * @returns the container's size.
 */
async function writeModel(
  folder: string,
  graph: Graph,
  { signal, onProgress }: WriteFolderOptions,
  replaces: boolean,
): Promise<number> {
  const modelFolder = join(folder, names.modelFolder);
  const weightsPath = join(modelFolder, names.weights);
  const fresh = replaces ? `${weightsPath}.new` : weightsPath;
  await makeFolders(modelFolder);
  const metadata = { format: "pith" };
  const weights = tensorsToStore(graph);
  const plan = planSafetensors(weights, metadata);
  const places = new Map(plan.entries.map((entry) => [entry.name, entry]));
  const encoded = encodeGraph(graph, (name) => {
    const place = places.get(name);
    if (place === undefined) throw new RangeError(`the weights lack ${name}`);
    return { location: names.weights, offset: place.offset, byteLength: place.byteLength };
  });
  await writeSafetensorsFile(fresh, weights, {
    metadata,
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  if (replaces) await rename(fresh, weightsPath);
  await writeBytes(join(modelFolder, names.model), encoded);
  await syncFolder(modelFolder);
  return plan.totalBytes;
}

/** Partial folders that this process is at work on. */
const active = new Set<string>();

/** @param role "partial" while it is written, "replaced" for what makes room for it. */
function siblingName(target: string, role: "partial" | "replaced", process_ = process.pid): string {
  return join(dirname(target), `.${basename(target)}.${role}-${process_}`);
}

async function makeFolder(target: string, partial: string): Promise<void> {
  if (active.has(partial)) throw outputError(target, "is being written by this process already");
  active.add(partial);
  try {
    await makeFolders(dirname(target));
    await clearLeftovers(target);
    // A folder by our own process number is a leftover too: the number came round again.
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
  } catch (error) {
    active.delete(partial);
    throw outputFailure(partial, error);
  }
}

/** Removes what processes that are gone left beside `target`; what one had moved away to replace, goes back. */
async function clearLeftovers(target: string): Promise<void> {
  const folder = dirname(target);
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(folder)) {
    const [, role, owner] =
      /^(partial|replaced)-(\d+)$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "") ?? [];
    if (role === undefined || isAlive(Number(owner))) continue;
    const leftover = join(folder, name);
    if (role === "replaced" && (await kindOf(target)) === undefined) await rename(leftover, target);
    else await rm(leftover, { recursive: true, force: true });
  }
}

function isAlive(owner: number): boolean {
  if (owner === process.pid) return false;
  try {
    process.kill(owner, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/**
 * Gives the partial folder its name. A folder can't be renamed over one that has content, so that one steps
 * aside first: for the moment between the two renames it lies under `.NAME.replaced-PID`, whence it comes
 * back if the second fails, or if the process dies there, with the next export.
 */
async function takePlace(partial: string, target: string, options: WriteFolderOptions): Promise<void> {
  // Somebody may have put something there since.
  await checkOutputFolder(target, options);
  const aside = siblingName(target, "replaced");
  const replaces = (await kindOf(target)) !== undefined;
  if (replaces) await rename(target, aside);
  try {
    await rename(partial, target);
  } catch (error) {
    if (replaces) await rename(aside, target);
    throw fileError("output", target, error);
  }
  await syncFolder(dirname(target));
  if (replaces) await rm(aside, { recursive: true, force: true });
}

async function kindOf(path: string): Promise<"folder" | "other" | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? "folder" : "other";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw fileError("output", path, error);
  }
}

const writeJson = (path: string, value: unknown, indent: number): Promise<void> =>
  writeText(path, `${JSON.stringify(value, undefined, indent)}\n`);

const writeText = (path: string, text: string): Promise<void> =>
  writeBytes(path, new TextEncoder().encode(text));

/** Writes and flushes a file. @throws PithError "output", also for a full disk. */
export async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await open(path, "w");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "EFBIG") throw outputFailure(path, error);
    throw new PithError("output", `the disk is full: this file needs ${bytes.length} bytes`, {
      place: { file: path },
      advice: "Free some space, or choose another output folder.",
      cause: error,
    });
  }
}

/** Makes names in a folder last through a crash; some file systems can't, and that is no reason to fail. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** What the operating system said, in our words; what is in our words already, or a bug, as it is. */
function outputFailure(path: string, error: unknown): unknown {
  return error instanceof PithError ? error : fileError("output", path, error);
}

function outputError(file: string, message: string, advice = ""): PithError {
  return new PithError("output", message, { place: { file }, advice });
}
