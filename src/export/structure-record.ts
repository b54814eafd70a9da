/**
 * What circuit.json says of the model in a folder: all of it but the weights' values, so that the model can be read
 * back from the folder alone, whatever family it came from. Where a weight stands, the record has its name; where the
 * file holds several weights side by side, as one matrix that is multiplied at once, the record says which and how wide
 * each is.
 */
import { z } from "zod";
import type { Graph, StoredWeight } from "../onnx/graph.ts";
import type { FoldedTransformer, Linear } from "../transformer/transformer.ts";

const size = z.int().min(1);
const count = z.int().min(0);
const number = z.number();
/** A weight's name. */
const weight = z.string().min(1);

const norm = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("layer"), scale: weight, shift: weight.optional(), epsilon: number }),
  z.object({ kind: z.literal("rms"), scale: weight, epsilon: number }),
]);
const linear = z.object({ weight, transposed: z.literal(true).optional(), bias: weight.optional() });
const reader = { norm: norm.optional(), postNorm: norm.optional(), residualBias: weight.optional() };
const rotary = z.object({
  width: size,
  pairs: z.enum(["halves", "interleaved"]),
  frequencies: z.array(number),
  scale: number.optional(),
});
const attention = z.object({
  ...reader,
  heads: z.array(count).min(1),
  keyValueHeads: z.array(count).min(1),
  group: z.array(count).min(1),
  headWidth: size,
  query: linear,
  key: linear,
  value: linear,
  output: linear,
  queryNorm: norm.optional(),
  keyNorm: norm.optional(),
  rotary: rotary.optional(),
  scoreScale: number,
  scoreCap: number.optional(),
  window: size.optional(),
});
const mlp = z.object({
  ...reader,
  activation: z.enum(["gelu-tanh", "gelu", "relu", "silu"]),
  gate: linear.optional(),
  up: linear,
  down: linear,
});
const block = z.object({
  arrangement: z.enum(["sequential", "parallel"]).optional(),
  attention: attention.optional(),
  mlp: mlp.optional(),
});

export const structureSchema = z.object({
  width: size,
  vocabularySize: size,
  contextLength: size,
  tokenEmbedding: weight,
  embeddingScale: number.optional(),
  positions: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("none") }),
    z.object({ kind: z.literal("learned"), table: weight }),
  ]),
  blocks: z.array(block),
  finalBias: weight.optional(),
  finalNorm: norm,
  unembedding: weight,
  unembeddingBias: weight.optional(),
  logitCap: number.optional(),
  /**
   * What the tensors of the float32 file hold; in another number format their names end with its own. A tensor that is
   * not listed holds the weight of its own name.
   */
  tensors: z.array(
    z.object({
      name: z.string(),
      /** Side by side along the last axis, or, where the axis is rows, one under another. */
      weights: z.array(z.object({ name: weight, size: size })).min(1),
      axis: z.enum(["columns", "rows"]).optional(),
    }),
  ),
});

export type StructureRecord = z.infer<typeof structureSchema>;

/**
 * @param model whose weights have the names that they shall have in the record, and are those of the graph.
 * @param keepsTurned whether the graph reads matrices [out, in] as they are stored: those of ONNX Runtime alone do.
 */
export function structureOf(model: FoldedTransformer, graph: Graph, keepsTurned: boolean): StructureRecord {
  const tensors = graph.weights
    .map(({ value, weight: held }) => tensorOf(value.name, held))
    .filter(({ name, weights }) => weights.length > 1 || weights[0]?.name !== name);
  const stored = (linear: Linear): Linear => (keepsTurned ? linear : { ...linear, transposed: undefined });
  const blocks = model.blocks.map((each) => ({ ...each, ...storedBlock(each, stored) }));
  // The schema leaves out what it does not know, such as that the model is folded.
  return structureSchema.parse(withNames({ ...model, blocks, tensors }));
}

function storedBlock(
  { attention: heads, mlp: own }: FoldedTransformer["blocks"][number],
  stored: (linear: Linear) => Linear,
): FoldedTransformer["blocks"][number] {
  return {
    attention: heads && {
      ...heads,
      query: stored(heads.query),
      key: stored(heads.key),
      value: stored(heads.value),
      output: stored(heads.output),
      // The scale is part of the queries' weights in the file.
      scoreScale: 1,
    },
    mlp: own && {
      ...own,
      ...(own.gate && { gate: stored(own.gate) }),
      up: stored(own.up),
      down: stored(own.down),
    },
  };
}

/** As JSON has it, with a weight's name in the place of the weight; of a weight that is another's slice, that one's. */
function withNames(value: object): unknown {
  const isWeight = (each: unknown): each is StoredWeight =>
    typeof each === "object" && each !== null && "read" in each;
  return JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (isWeight(each) ? leavesOf(each)[0]?.name : each)),
  );
}

function tensorOf(name: string, stored: StoredWeight): StructureRecord["tensors"][number] {
  const leaves = leavesOf(stored);
  const columns = leaves.reduce((sum, { shape }) => sum + (shape.at(-1) ?? 0), 0);
  const isRows = leaves.length > 1 && columns !== stored.shape.at(-1);
  return {
    name,
    weights: leaves.map((leaf) => ({
      name: leaf.name,
      size: (leaves.length === 1 ? stored.shape.at(-1) : leaf.shape.at(isRows ? 0 : -1)) ?? 0,
    })),
    ...(isRows && { axis: "rows" }),
  };
}

/** The weights that a stored one is made of in the end; their shapes are as they lie in it. */
function leavesOf(
  stored: StoredWeight,
): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  const { madeOf } = stored;
  if (madeOf === undefined) return [stored];
  const [only] = madeOf;
  // A slice, a multiple or a transpose: the same weight in another shape.
  if (only !== undefined && madeOf.length === 1)
    return leavesOf(only).map((leaf, _, all) => (all.length === 1 ? { ...leaf, shape: stored.shape } : leaf));
  return madeOf.flatMap(leavesOf);
}
