/**
 * The weights of one or more safetensors files in one map. With several files, an index
 * (`model.safetensors.index.json`, "weight_map": tensor → file) says which tensor is in which file. Index and
 * files must agree exactly, because a difference means that files of two downloads were mixed.
 */
import { PithError } from "../errors.ts";
import { describeValue, isRecord, ownProperty } from "../files/json.ts";
import { shorten } from "../printable.ts";
import type { Weight } from "../transformer/weight.ts";
import type { ByteSource } from "./byte-source.ts";
import {
  readSafetensorsHeader,
  readWeight,
  readWeightParts,
  readWeightRows,
  type SafetensorsEntry,
} from "./safetensors.ts";

/** A tensor in a file. Weights made in memory have neither field. */
export interface CheckpointWeight extends Weight {
  /**
   * As stored: "F16", "I64", … `read()` throws a PithError when it can't be widened to float32. Left out where it can
   * for certain.
   */
  readonly dtype?: string;
  /** The file that holds it. */
  readonly file?: string;
  /** Reads the values in parts; parts of two weights of the same size have the same sizes. */
  parts?(): AsyncGenerator<Float32Array<ArrayBuffer>, void>;
}

/** The shard of each tensor, according to the index. */
export type WeightMap = ReadonlyMap<string, string>;

/** The weights of a checkpoint in one file, in the order of their data. */
export async function readSingleFile(source: ByteSource): Promise<ReadonlyMap<string, CheckpointWeight>> {
  const { tensors } = await readSafetensorsHeader(source);
  return new Map(tensors.map((entry) => [entry.name, storedWeight(source, entry)]));
}

/**
 * The weights of a sharded checkpoint.
 * @param shards by the name that the index uses; exactly those that it names.
 * @param indexFile the index's path, for errors.
 * @throws PithError "checkpoint" when files and index disagree.
 */
export async function readShards(
  shards: ReadonlyMap<string, ByteSource>,
  weightMap: WeightMap,
  indexFile: string,
): Promise<ReadonlyMap<string, CheckpointWeight>> {
  const weights = new Map<string, CheckpointWeight>();
  for (const [shard, source] of shards) {
    const { tensors } = await readSafetensorsHeader(source);
    for (const entry of tensors) {
      const expected = weightMap.get(entry.name);
      if (expected !== shard) {
        const says = expected === undefined ? "does not list it" : `puts it in ${expected}`;
        throw new PithError("checkpoint", `is in this shard, but ${indexFile} ${says}`, {
          place: { file: source.name, tensor: entry.name },
        });
      }
      weights.set(entry.name, storedWeight(source, entry));
    }
  }
  for (const [name, shard] of weightMap) {
    if (weights.has(name)) continue;
    throw new PithError("checkpoint", `is not in ${shard}, where the index puts it`, {
      place: { file: indexFile, tensor: name },
    });
  }
  return weights;
}

/**
 * Checks an index. Shards are plain file names, so none can lie outside the checkpoint's folder.
 * @throws PithError "checkpoint".
 */
export function parseWeightMap(index: Record<string, unknown>, file: string): WeightMap {
  const place = { file, field: "weight_map" };
  const value = ownProperty(index, "weight_map");
  if (!isRecord(value)) {
    throw new PithError("checkpoint", `is ${describeValue(value)}, not an object from tensors to files`, {
      place,
    });
  }
  return new Map(
    Object.entries(value).map(([tensor, shard]) => {
      if (typeof shard === "string" && isPlainFileName(shard)) return [tensor, shard];
      throw new PithError("checkpoint", `puts "${shorten(tensor)}" in ${describeValue(shard)}`, {
        place,
        advice: "A shard must be the name of a .safetensors file in the same folder.",
      });
    }),
  );
}

function isPlainFileName(name: string): boolean {
  // On Windows, a colon marks a drive or a stream.
  return name.endsWith(".safetensors") && !name.startsWith(".") && !/[/\\:\0]/.test(name);
}

function storedWeight(source: ByteSource, entry: SafetensorsEntry): CheckpointWeight {
  return {
    name: entry.name,
    shape: entry.shape,
    dtype: entry.dtype,
    file: source.name,
    read: () => readWeight(source, entry),
    readRows: (start, end) => readWeightRows(source, entry, start, end),
    parts: () => readWeightParts(source, entry),
  };
}
