/**
 * A model's folder, opened (Node): config.json checked, headers read, no weight read yet. Every weight is read
 * from its file when it is asked for, until `close`.
 */
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { parseJsonObject } from "../files/json.ts";
import type { ByteSource } from "./byte-source.ts";
import { type ModelConfig, parseConfig } from "./config.ts";
import { openFileSource } from "./file-source.ts";
import { parseWeightMap, readShards, readSingleFile, type StoredWeight } from "./shards.ts";

export interface Checkpoint {
  readonly directory: string;
  readonly config: ModelConfig;
  /** config.json as it is, unknown fields included. */
  readonly rawConfig: Record<string, unknown>;
  /** By the names in the files; lazy. */
  readonly weights: ReadonlyMap<string, StoredWeight>;
  /** The files that hold the weights (config and index not among them), sizes in bytes. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Lets go of the files: weights can't be read after. May be called twice. */
  close(): Promise<void>;
}

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** Real configs have a few KB, indices of the largest models a few MB. */
const LARGEST_JSON = 64 * 2 ** 20;

/**
 * Opens the folder's config.json and its model.safetensors, or else model.safetensors.index.json with its shards.
 * @throws PithError "checkpoint" or "config", with no file left open.
 */
export async function openCheckpoint(directory: string): Promise<Checkpoint> {
  await requireFolder(directory);
  const configFile = join(directory, CONFIG);
  if (!(await exists(configFile))) {
    throw new PithError("config", `the folder has no ${CONFIG}`, {
      place: { file: directory },
      advice: `Give the folder of a Hugging Face model: ${CONFIG}, ${WEIGHTS}, tokenizer files.`,
    });
  }
  const rawConfig = await readJson(configFile, "config");
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

async function openWeights(
  directory: string,
  open: (path: string) => Promise<ByteSource>,
): Promise<ReadonlyMap<string, StoredWeight>> {
  const single = join(directory, WEIGHTS);
  // The library's order: the single file wins where both are there.
  if (await exists(single)) return readSingleFile(await open(single));
  const indexFile = join(directory, INDEX);
  if (!(await exists(indexFile))) throw await noWeights(directory);

  const weightMap = parseWeightMap(await readJson(indexFile, "checkpoint"), indexFile);
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

async function noWeights(directory: string): Promise<PithError> {
  const place = { file: directory };
  for (const pickled of ["pytorch_model.bin", "pytorch_model.bin.index.json"]) {
    if (!(await exists(join(directory, pickled)))) continue;
    return new PithError("checkpoint", `has its weights in ${pickled} only, a format that can run code`, {
      place,
      advice:
        "Convert it to safetensors first, in Python: model.save_pretrained(DIR, safe_serialization=True).",
    });
  }
  return new PithError("checkpoint", `the folder has neither ${WEIGHTS} nor ${INDEX}`, { place });
}

async function readJson(path: string, code: "checkpoint" | "config"): Promise<Record<string, unknown>> {
  const source = await openFileSource(path);
  try {
    if (source.size > LARGEST_JSON) {
      throw new PithError(code, `${source.size} bytes are too many for this file`, { place: { file: path } });
    }
    return parseJsonObject(await source.read(0, source.size), code, { file: path }, basename(path));
  } finally {
    await source.close();
  }
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

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw fileError("checkpoint", path, error);
  }
}
