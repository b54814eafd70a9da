/** A GGUF file's tensors as the original checkpoint has them: its names, its order of rows, its norms. */
import { PithError } from "../../errors.ts";
import type { CheckpointWeight } from "../shards.ts";
import type { GgufArchitecture } from "./architectures.ts";
import type { GgufFacts } from "./facts.ts";
import { inRowOrder, lessOne, renamed, someRows, turned } from "./reordered.ts";

/** Tensors that hold angles, which the config tells; some files have them in each layer. */
const angles = /^(?:blk\.\d+\.)?(?:rope_freqs|rope_factors_long|rope_factors_short|attn_rot_embd)\.weight$/;

/** @throws PithError "checkpoint" for a tensor that the architecture is not known to have. */
export function originalWeights(
  architecture: GgufArchitecture,
  facts: GgufFacts,
  weights: ReadonlyMap<string, CheckpointWeight>,
): ReadonlyMap<string, CheckpointWeight> {
  const originals = new Map<string, CheckpointWeight>();
  for (const weight of weights.values()) {
    if (angles.test(weight.name)) continue;
    for (const part of separateParts(weight, architecture, facts)) {
      const name = originalName(part.name, architecture);
      if (name === undefined)
        throw new PithError("checkpoint", `is no tensor of ${architecture.modelType} that Pith knows`, {
          place: { file: weight.file ?? "", tensor: weight.name },
        });
      originals.set(name, renamed(inOriginalOrder(part, architecture, facts), name));
    }
  }
  return originals;
}

/** Behind a part's name stands a head's number, where the original has a tensor for each head. */
const partName = /^blk\.(\d+)\.([a-z0-9_]+)((?:\.\d+)?)\.(weight|bias)$/;
const outerName = /^([a-z0-9_]+)\.(weight|bias)$/;

function originalName(name: string, { names, layers, parts }: GgufArchitecture): string | undefined {
  const [, layer, part = "", head, kind] = partName.exec(name) ?? [];
  if (layer !== undefined)
    return Object.hasOwn(parts, part) ? `${layers}${layer}.${parts[part]}${head}.${kind}` : undefined;
  const [, outer = "", outerKind] = outerName.exec(name) ?? [];
  return Object.hasOwn(names, outer) ? `${names[outer]}.${outerKind}` : undefined;
}

/** Some files have queries, keys and values in one tensor where the original has three. */
function separateParts(
  weight: CheckpointWeight,
  { parts, normsByHead }: GgufArchitecture,
  { heads, keyValueHeads, headWidth }: GgufFacts,
): readonly CheckpointWeight[] {
  const normed = /\.attn_([qk])_norm\.weight$/.exec(weight.name)?.[1];
  if (normsByHead && normed !== undefined)
    return byHead(weight, normed === "q" ? heads : keyValueHeads, headWidth);
  if (!/\.attn_qkv\.(?:weight|bias)$/.test(weight.name) || Object.hasOwn(parts, "attn_qkv")) return [weight];
  const rows = (heads + 2 * keyValueHeads) * headWidth;
  if (weight.shape[0] !== rows)
    throw new PithError("checkpoint", `has ${weight.shape[0]} rows; its heads need ${rows}`, {
      place: { file: weight.file ?? "", tensor: weight.name },
    });
  const [keys, values] = [heads * headWidth, (heads + keyValueHeads) * headWidth];
  const named = (part: string, start: number, end: number) =>
    renamed(someRows(weight, start, end), weight.name.replace("attn_qkv", part));
  return [named("attn_q", 0, keys), named("attn_k", keys, values), named("attn_v", values, rows)];
}

/** The norms of all heads, which are rows of one tensor here. One of another shape is left for the family to refuse. */
function byHead(weight: CheckpointWeight, heads: number, width: number): readonly CheckpointWeight[] {
  if (weight.shape.length !== 2 || weight.shape[0] !== heads || weight.shape[1] !== width) return [weight];
  return Array.from({ length: heads }, (_, head) => {
    const row = someRows(weight, head, head + 1);
    return renamed({ ...row, shape: [width] }, weight.name.replace(/weight$/, `${head}.weight`));
  });
}

function inOriginalOrder(
  weight: CheckpointWeight,
  { order, normsPlusOne }: GgufArchitecture,
  facts: GgufFacts,
): CheckpointWeight {
  const [, , part = ""] = partName.exec(weight.name) ?? [];
  if (normsPlusOne && /norm\.weight$/.test(weight.name)) return lessOne(weight);
  switch (order) {
    case "interleaved heads": {
      if (part !== "attn_q" && part !== "attn_k") return weight;
      const rows = (part === "attn_q" ? facts.heads : facts.keyValueHeads) * facts.headWidth;
      return reordered(weight, rows, () => interleavedOrder(rows, facts.headWidth));
    }
    case "separated groups": {
      if (part !== "attn_qkv") return weight;
      const rows = (facts.heads + 2 * facts.keyValueHeads) * facts.headWidth;
      return reordered(weight, rows, () => groupedOrder(facts));
    }
    case "turned matrices":
      return part !== "" && weight.shape.length === 2 ? turned(weight) : weight;
    case undefined:
      return weight;
    default:
      return order satisfies never;
  }
}

/** A weight of another number of rows is left as it is: the family refuses it by its shape. */
function reordered(weight: CheckpointWeight, rows: number, order: () => Int32Array): CheckpointWeight {
  return weight.shape[0] === rows ? inRowOrder(weight, order()) : weight;
}

/** Of each head, the file has rows 0, half, 1, half + 1, …; the original 0, 1, …, half, half + 1, …. */
function interleavedOrder(rows: number, headWidth: number): Int32Array {
  const half = headWidth / 2;
  return Int32Array.from({ length: rows }, (_, row) => {
    const place = row % headWidth;
    const [side, pair] = place < half ? [0, place] : [1, place - half];
    return row - place + 2 * pair + side;
  });
}

/** The original has, group by group, the queries, the key and the value. */
function groupedOrder({ heads, keyValueHeads: groups, headWidth }: GgufFacts): Int32Array {
  const each = heads / groups;
  return Int32Array.from({ length: (heads + 2 * groups) * headWidth }, (_, row) => {
    const slot = Math.floor(row / headWidth);
    const [group, member] = [Math.floor(slot / (each + 2)), slot % (each + 2)];
    const [query, key, value] = [group * each + member, heads + group, heads + groups + group];
    return (member < each ? query : member === each ? key : value) * headWidth + (row % headWidth);
  });
}
