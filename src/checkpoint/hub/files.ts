/**
 * The files of a repository that a model needs. No others are requested, so a name from a listing reaches the
 * disk only if it is one of these, or a shard's name that parseWeightMap accepted as a plain file name.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readJsonObject } from "../../files/read-input.ts";
import { parseWeightMap } from "../shards.ts";

export const singleWeights = "model.safetensors";
export const weightsIndex = "model.safetensors.index.json";

/** Fetched if they exist, before the weights: so a snapshot that has its weights also has these. */
export const smallFiles = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.json",
  "merges.txt",
] as const;

/** The files, except weights, that every model needs and that `has` lacks, in words. */
export function missingSmallFiles(has: (name: string) => boolean): string[] {
  const missing: string[] = [];
  if (!has("config.json")) missing.push("config.json");
  if (!has("tokenizer.json") && !(has("vocab.json") && has("merges.txt"))) {
    missing.push("tokenizer.json (or vocab.json and merges.txt)");
  }
  return missing;
}

/** Everything that a snapshot folder lacks before a model can be read from it, in words. */
export async function missingInSnapshot(folder: string): Promise<string[]> {
  const present = new Set<string>();
  for (const name of [...smallFiles, singleWeights, weightsIndex]) {
    if (await isFile(join(folder, name))) present.add(name);
  }
  const missing = missingSmallFiles((name) => present.has(name));
  if (present.has(singleWeights)) return missing;
  if (!present.has(weightsIndex)) return [...missing, singleWeights];
  for (const shard of await readShardNames(join(folder, weightsIndex))) {
    if (!(await isFile(join(folder, shard)))) missing.push(shard);
  }
  return missing;
}

/**
 * The shards that an index file names, each once: plain names of files beside it.
 * @throws PithError "checkpoint" if it is not an index, or contains other names.
 */
export async function readShardNames(indexFile: string): Promise<string[]> {
  const index = await readJsonObject(indexFile, { code: "checkpoint" });
  return [...new Set(parseWeightMap(index, indexFile).values())];
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
