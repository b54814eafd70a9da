/**
 * Facts about the model from a GGUF file's metadata and tensors. Keys of the architecture that were never read are
 * refused by name at the end, because each may change what the model computes.
 */
import { PithError } from "../../errors.ts";
import type { CheckpointWeight } from "../shards.ts";
import type { MetadataReader } from "./metadata.ts";

export interface GgufFacts {
  readonly layers: number;
  readonly width: number;
  readonly hiddenWidth: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly contextLength: number;
  readonly vocabularySize: number;
  /** Whether the file has a tensor. */
  readonly has: (tensor: string) => boolean;
  /** Values by the key behind the architecture's name: "rope.freq_base". */
  readonly count: (key: string) => number | undefined;
  readonly number: (key: string) => number | undefined;
  readonly flag: (key: string) => boolean | undefined;
  readonly text: (key: string) => string | undefined;
  /** Which layers are of a kind: of how many the last is of the other, or for each layer whether it is. */
  readonly pattern: (key: string) => number | readonly boolean[] | undefined;
}

/** Keys that say nothing new: they follow from the tensors, or tell the origin of other values. */
const needless = ["vocab_size", "feed_forward_length", "rope.scaling.finetuned", "tensor_data_layout"];

/** Keys that are accepted with these values, which change nothing. */
const neutral: Readonly<Record<string, number | boolean>> = {
  expert_count: 0,
  expert_used_count: 0,
  "attention.causal": true,
  "attention.max_alibi_bias": 0,
  "attention.clamp_kqv": 0,
};

/**
 * @param weights by the file's own names.
 * @returns the facts, and a check to call when all facts have been read.
 * @throws PithError "checkpoint" for what is missing or impossible.
 */
export function readFacts(
  metadata: MetadataReader,
  architecture: string,
  weights: ReadonlyMap<string, CheckpointWeight>,
): { readonly facts: GgufFacts; readonly refuseUnread: () => void } {
  const asked = new Set(needless.map((key) => `${architecture}.${key}`));
  const ask =
    <Value>(read: (key: string) => Value) =>
    (key: string): Value => {
      asked.add(`${architecture}.${key}`);
      return read(`${architecture}.${key}`);
    };
  const count = ask(metadata.count);
  const needed = (key: string) => {
    const value = count(key);
    if (value !== undefined && value > 0) return value;
    throw metadata.fault(`${architecture}.${key}`, value === undefined ? "is missing" : "is 0");
  };
  const sizeOf = (tensor: string, axis: number) => {
    const size = weights.get(tensor)?.shape[axis];
    if (size !== undefined) return size;
    throw new PithError("checkpoint", "is missing", { place: { file: metadata.file, tensor } });
  };
  const width = needed("embedding_length");
  const heads = needed("attention.head_count");
  const headWidth = count("attention.key_length") ?? width / heads;
  if ((count("attention.value_length") ?? headWidth) !== headWidth)
    throw metadata.fault(
      `${architecture}.attention.value_length`,
      "differs from key_length: that is not read",
    );
  const layers = needed("block_count");
  // Checked before anything is made for each layer.
  if (layers > weights.size)
    throw metadata.fault(`${architecture}.block_count`, `is ${layers}; the file has ${weights.size} tensors`);
  const patternOf = (key: string) => {
    const value = metadata.value(key);
    if (!ArrayBuffer.isView(value)) return metadata.count(key);
    if (value.length === layers) return Array.from(value, (each) => each !== 0);
    throw metadata.fault(key, `has ${value.length} items for ${layers} layers`);
  };
  const facts: GgufFacts = {
    layers,
    width,
    hiddenWidth: sizeOf("blk.0.ffn_down.weight", 1),
    heads,
    keyValueHeads: count("attention.head_count_kv") ?? heads,
    headWidth,
    contextLength: needed("context_length"),
    vocabularySize: sizeOf("token_embd.weight", 0),
    has: (tensor) => weights.has(tensor),
    count,
    number: ask(metadata.number),
    flag: ask(metadata.flag),
    text: ask(metadata.text),
    pattern: ask(patternOf),
  };
  const refuseUnread = () => {
    for (const key of metadata.keys) {
      if (!key.startsWith(`${architecture}.`) || asked.has(key)) continue;
      const own = key.slice(architecture.length + 1);
      if (Object.hasOwn(neutral, own) && metadata.value(key) === neutral[own]) continue;
      throw metadata.fault(key, "may change what the model computes, and Pith does not know how");
    }
  };
  return { facts, refuseUnread };
}
