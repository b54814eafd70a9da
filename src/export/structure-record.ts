/**
 * The record of a folder's model in circuit.json: everything except the weights' values, so that the model can be
 * read from the folder alone, whatever family it came from. In the place of a weight, the record has its name.
 * Where the file holds several weights side by side, as one matrix for one product, the record lists them and
 * their widths.
 */
import { z } from "zod";
import type { Graph, StoredWeight } from "../onnx/graph.ts";
import type { FoldedTransformer, Linear, ProjectionNorm } from "../transformer/transformer.ts";

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
const projectionNorm = z.discriminatedUnion("kind", [
  ...norm.options,
  z.object({
    kind: z.literal("joint"),
    scale: weight,
    epsilon: number,
    count: size,
    pruned: linear.optional(),
  }),
]);
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
  /** The width of values that were cut to a lower rank; left out: as keys. */
  valueWidth: size.optional(),
  query: linear,
  key: linear,
  value: linear,
  output: linear,
  queryNorm: projectionNorm.optional(),
  keyNorm: projectionNorm.optional(),
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
  /** Constants of two rows are what joins at the first position, and at all others; left out: a row a position. */
  firstPosition: z.literal("apart").optional(),
  finalNorm: norm,
  unembedding: weight,
  unembeddingBias: weight.optional(),
  logitCap: number.optional(),
  /**
   * The content of the float32 file's tensors; in another number format, the names have that format's ending. A
   * tensor that is not listed holds the weight of the same name.
   */
  tensors: z.array(
    z.object({
      name: z.string(),
      /** Weights side by side along the last axis or, if the axis is rows, one below another. */
      weights: z.array(z.object({ name: weight, size: size })).min(1),
      axis: z.enum(["columns", "rows"]).optional(),
    }),
  ),
});

export type StructureRecord = z.infer<typeof structureSchema>;

/**
 * @param model whose weights have the names for the record and are those of the graph.
 * @param keepsTurned whether the graph reads matrices [out, in] as they are stored: only ONNX Runtime's own
 * operators do.
 */
export function structureOf(model: FoldedTransformer, graph: Graph, keepsTurned: boolean): StructureRecord {
  const tensors = graph.weights
    .map(({ value, weight: held }) => tensorOf(value.name, held))
    .filter(({ name, weights }) => weights.length > 1 || weights[0]?.name !== name);
  const stored = (linear: Linear): Linear => (keepsTurned ? linear : { ...linear, transposed: undefined });
  const blocks = model.blocks.map((each) => ({ ...each, ...storedBlock(each, stored) }));
  // The schema drops fields that it does not know, such as the mark that the model is folded.
  return structureSchema.parse(withNames({ ...model, blocks, tensors }));
}

function storedBlock(
  { attention: heads, mlp: own }: FoldedTransformer["blocks"][number],
  stored: (linear: Linear) => Linear,
): FoldedTransformer["blocks"][number] {
  const storedNorm = (norm: ProjectionNorm | undefined): ProjectionNorm | undefined =>
    norm?.kind === "joint" && norm.pruned ? { ...norm, pruned: stored(norm.pruned) } : norm;
  return {
    attention: heads && {
      ...heads,
      query: stored(heads.query),
      key: stored(heads.key),
      value: stored(heads.value),
      output: stored(heads.output),
      queryNorm: storedNorm(heads.queryNorm),
      keyNorm: storedNorm(heads.keyNorm),
      // The scale is already part of the query weights in the file.
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

/**
 * The value as JSON, with a name in the place of each weight; a slice of another weight has that weight's name.
 */
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

/** The original weights that a stored one is made of, with the shapes that they have in it. */
function leavesOf(
  stored: StoredWeight,
): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  const { madeOf } = stored;
  if (madeOf === undefined) return [stored];
  const [only] = madeOf;
  // A slice, a multiple or a transpose is the same weight in another shape.
  if (only !== undefined && madeOf.length === 1)
    return leavesOf(only).map((leaf, _, all) => (all.length === 1 ? { ...leaf, shape: stored.shape } : leaf));
  return madeOf.flatMap(leavesOf);
}
