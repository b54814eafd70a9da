/**
 * Opens a model's folder or its GGUF file (Node): the config is checked and headers are read, but no weights. Each
 * weight is read from its file when it is needed, until `close`.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode, fileError, orFileError } from "../files/file-error.ts";
import { readJsonObject } from "../files/read-input.ts";
import type { ByteSource } from "./byte-source.ts";
import { openFileSource } from "./file-source.ts";
import { foreignModel } from "./foreign-model.ts";
import { isGgufPath, openGgufFiles } from "./gguf/gguf-files.ts";
import type { GgufMetadata } from "./gguf/header.ts";
import { readGguf } from "./gguf/read-gguf.ts";
import { type CheckpointWeight, parseWeightMap, readShards, readSingleFile } from "./shards.ts";

/**
 * An open model folder or GGUF file.
 * @typeParam Config the content of config.json, as its family reads it.
 */
export interface Checkpoint<Config> {
  /** The folder, or the GGUF file. */
  readonly directory: string;
  /** The content of config.json, checked. */
  readonly config: Config;
  /** config.json unchanged, unknown fields included; for a GGUF file, what config.json would contain. */
  readonly rawConfig: Record<string, unknown>;
  /** A GGUF file's metadata, in which its tokenizer is; undefined for a folder. */
  readonly metadata?: GgufMetadata;
  /** The weights by the names in the checkpoint; they are read when they are needed. */
  readonly weights: ReadonlyMap<string, CheckpointWeight>;
  /** The files that hold the weights; config and index are not among them. */
  readonly files: readonly {
    /** The file's path. */
    readonly path: string;
    /** Its size in bytes. */
    readonly size: number;
  }[];
  /** Closes the files: weights can't be read after that. May be called twice. */
  close(): Promise<void>;
}

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
/** Only a folder of a Pith circuit has this file; its config.json is of another kind. */
const CIRCUIT = "circuit.json";
const INDEX = "model.safetensors.index.json";

/**
 * Opens the folder's config.json and its model.safetensors, or else model.safetensors.index.json with its shards; of a
 * path that ends in .gguf, that file, and where it is the first part of several, those.
 * @param parseConfig reads the config.json at `file`, or refuses it.
 * @throws PithError "checkpoint" or "config", with no file left open.
 */
export async function openCheckpointWith<Config>(
  directory: string,
  parseConfig: (raw: Record<string, unknown>, file: string) => Config,
): Promise<Checkpoint<Config>> {
  if (isGgufPath(directory) && (await isFile(directory))) return openGguf(directory, parseConfig);
  await requireFolder(directory);
  const configFile = join(directory, CONFIG);
  if (!(await exists(configFile))) {
    throw await noConfig(directory);
  }
  if ((await exists(join(directory, CIRCUIT))) && !(await hasWeights(directory))) {
    throw await noWeights(directory);
  }
  const rawConfig = await readJsonObject(configFile, { code: "config" });
  const config = parseConfig(rawConfig, configFile);

  const sources: ByteSource[] = [];
  const closeAll = async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
  };
  try {
    const weights = await openWeights(directory, async (path) => {
      const source = await openFileSource(path);
      sources.push(source);
      return source;
    });
    const files = sources.map(({ name, size }) => ({ path: name, size }));
    return { directory, config, rawConfig, weights, files, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openGguf<Config>(
  path: string,
  parseConfig: (raw: Record<string, unknown>, file: string) => Config,
): Promise<Checkpoint<Config>> {
  const sources: ByteSource[] = [];
  const closeAll = async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
  };
  try {
    const model = await readGguf(await openGgufFiles(path, (source) => sources.push(source)));
    const config = parseConfig(model.config, path);
    const files = sources.map(({ name, size }) => ({ path: name, size }));
    return {
      directory: path,
      config,
      rawConfig: model.config,
      metadata: model.metadata,
      weights: model.originals(),
      files,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openWeights(
  directory: string,
  open: (path: string) => Promise<ByteSource>,
): Promise<ReadonlyMap<string, CheckpointWeight>> {
  const single = join(directory, WEIGHTS);
  // The library's precedence: the single file is used if both exist.
  if (await exists(single)) return readSingleFile(await open(single));
  const indexFile = join(directory, INDEX);
  if (!(await exists(indexFile))) throw await noWeights(directory);

  const weightMap = parseWeightMap(await readJsonObject(indexFile, { code: "checkpoint" }), indexFile);
  const shards = new Map<string, ByteSource>();
  for (const shard of [...new Set(weightMap.values())].sort()) {
    const path = join(directory, shard);
    if (!(await exists(path))) {
      throw new PithError("checkpoint", `names the shard ${shard}, which is not in the folder`, {
        place: { file: indexFile },
        advice: "Download the missing file.",
      });
    }
    shards.set(shard, await open(path));
  }
  return readShards(shards, weightMap, indexFile);
}

async function hasWeights(directory: string): Promise<boolean> {
  return (await exists(join(directory, WEIGHTS))) || (await exists(join(directory, INDEX)));
}

async function noWeights(directory: string): Promise<PithError> {
  const found = foreignModel(await orFileError("checkpoint", directory, () => readdir(directory)));
  const { fault, advice = "" } = found ?? { fault: `the folder has neither ${WEIGHTS} nor ${INDEX}` };
  return new PithError("checkpoint", fault, { place: { file: directory }, advice });
}

async function noConfig(directory: string): Promise<PithError> {
  const found = foreignModel(await orFileError("checkpoint", directory, () => readdir(directory)));
  const lacking = `Give the folder of a Hugging Face model: ${CONFIG}, ${WEIGHTS}, tokenizer files.`;
  const { fault, advice } = found ?? { fault: `the folder has no ${CONFIG}`, advice: lacking };
  return new PithError("config", fault, { place: { file: directory }, advice });
}

async function requireFolder(directory: string): Promise<void> {
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(directory)).isDirectory();
  } catch (error) {
    throw fileError("checkpoint", directory, error);
  }
  if (!isDirectory) {
    throw new PithError("checkpoint", "is a file", {
      place: { file: directory },
      advice: "Give the folder that holds config.json and the weights.",
    });
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw fileError("checkpoint", path, error);
  }
}
