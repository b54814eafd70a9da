/**
 * The replacement of each pruned component: zero (zero ablation), or its mean output over the patching set
 * (paper, section 2), computed once from the unpruned model. Aligned means have one row for each position, pooled
 * means one for all.
 *
 * Prompts may count several times, as in a resampled set: each is computed once and weighted by its count.
 *
 * A head's output is linear in z, so the mean of z is computed and multiplied by W_O once. Sums are float64 in
 * the order of the prompts, so the means do not depend on how the set was cut into batches.
 */
import type { DeviceTensor, Runtime } from "../runtime/runtime.ts";
import type { ComponentKind } from "../transformer/component.ts";
import { inOut } from "../transformer/linear.ts";
import type { Attention, Transformer } from "../transformer/transformer.ts";
import { type Batch, makeBatches } from "./batch.ts";
import { addConstants, type Constant, zeroConstant } from "./constant.ts";
import { downBias, forward, wholeBlock } from "./forward.ts";

/** The constants that replace pruned components: a function for each kind. */
export interface Replacements extends Readonly<Record<ComponentKind, (...place: never[]) => Constant>> {
  /** How many rows every constant has: the prompts' length for aligned means, else 1. */
  readonly rows: number;
  /** The replacement of one head's output. */
  head(layer: number, head: number): Constant;
  /** The replacement of one MLP's output. */
  mlp(layer: number): Constant;
}

/**
 * Whether zero ablation of a head also removes its value bias. Attention's weights sum to 1, so b_V^h·W_O^h is
 * written whatever the pattern is. It can be counted as part of the head, and is "removed" with it, or as a
 * constant of the layer like b_O, and is "kept". The published code keeps it, because TransformerLens folds value
 * biases into b_O when it loads a model. A mean output contains it in both cases.
 */
export type ValueBias = "removed" | "kept";

/**
 * Zero ablation with either treatment of value biases; "kept" reads W_O and b_V of all layers. @param model an
 * original model.
 */
export async function zeroAblation(
  model: Transformer,
  valueBias: ValueBias = "removed",
): Promise<Replacements> {
  const nothing = zeroReplacements(model.width);
  if (valueBias === "removed") return nothing;
  const heads: (readonly Constant[])[] = [];
  for (const layer of model.blocks.keys()) {
    const { attention } = wholeBlock(model, layer);
    const bias = await attention.value.bias?.read();
    if (bias === undefined) heads.push(attention.heads.map((head) => nothing.head(layer, head)));
    else heads.push(await throughOutput(attention, forEachHead(attention, bias), 1, model.width));
  }
  return { ...nothing, head: (layer, head) => found(heads[layer]?.[head]) };
}

/**
 * Zero ablation: a pruned component adds nothing, an MLP's b_2 and a head's value bias included.
 * @internal
 */
export function zeroReplacements(width: number): Replacements {
  const nothing = zeroConstant(1, width);
  return { rows: 1, head: () => nothing, mlp: () => nothing };
}

/**
 * Mean ablation.
 * @throws RangeError if means are aligned and prompts differ in length, or if no prompt counts.
 */
export async function meanReplacements(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly tokensPerBatch?: number | undefined;
    /** How many times each prompt counts; left out: once. */
    readonly weights?: readonly number[] | undefined;
  } = {},
): Promise<Replacements> {
  const [sums] = await manyMeans(runtime, model, prompts, means, [options.weights], options);
  return found(sums).finish();
}

/** Several means of the same prompts with different weights, from one pass over them. */
export async function manyMeans(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  weightings: readonly (readonly number[] | undefined)[],
  options: { readonly signal?: AbortSignal | undefined; readonly tokensPerBatch?: number | undefined } = {},
): Promise<readonly Means[]> {
  const batches = makeBatches(prompts, options.tokensPerBatch);
  const all = weightings.map((weights) => createMeans(model, prompts, means, weights));
  const [last] = await forward(runtime, model, batches, {
    signal: options.signal,
    async visit({ layer, batch, z, mlp }) {
      const activations = await readActivations(runtime, z, mlp);
      for (const sums of all) sums.add(layer, found(batches[batch]), activations);
    },
  });
  await runtime.release(...(last ?? []));
  return all;
}

/** A batch's activations in one layer, as `forward` gives them. */
export interface Activations {
  /** [prompts, length, heads × headWidth]. */
  readonly z: Float32Array;
  /** [prompts, length, d], without b_2. */
  readonly mlp: Float32Array;
}

export async function readActivations(
  runtime: Runtime,
  z: DeviceTensor,
  mlp: DeviceTensor,
): Promise<Activations> {
  return { z: await runtime.readFloats(z), mlp: await runtime.readFloats(mlp) };
}

/** Means that are being computed: activations are added layer by layer, in the order of the prompts. */
export interface Means {
  /** @param batch of patching prompts. */
  add(layer: number, batch: Batch, activations: Activations): void;
  finish(): Promise<Replacements>;
}

/**
 * @param weights how many times each prompt counts; left out: once.
 * @throws RangeError if means are aligned and prompts differ in length, or if no prompt counts.
 */
export function createMeans(
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  weights?: readonly number[],
): Means {
  const lengths = new Set(prompts.map((ids) => ids.length));
  if (means === "aligned" && lengths.size !== 1)
    throw new RangeError("aligned means need prompts of one length");
  const rows = means === "aligned" ? (prompts[0]?.length ?? 0) : 1;
  const weightOf = weightsOf(prompts, weights);
  const count = prompts.reduce(
    (sum, ids, index) => sum + weightOf(index) * (means === "aligned" ? 1 : ids.length),
    0,
  );
  if (!(count > 0)) throw new RangeError("means of no prompt");
  const zSums = model.blocks.map(
    (_, layer) => new Float64Array(rows * zWidth(wholeBlock(model, layer).attention)),
  );
  const mlpSums = model.blocks.map(() => new Float64Array(rows * model.width));

  return {
    add(layer, { members }, { z, mlp }) {
      const own = members.map(weightOf);
      addPositions(zSums[layer], z, own);
      addPositions(mlpSums[layer], mlp, own);
    },

    async finish() {
      const heads: Constant[][] = [];
      const mlps: Constant[] = [];
      for (const layer of model.blocks.keys()) {
        const { attention, mlp } = wholeBlock(model, layer);
        heads.push(await throughOutput(attention, divide(zSums[layer], count), rows, model.width));
        const mean = { rows, width: model.width, values: divide(mlpSums[layer], count) };
        mlps.push(addConstants(mean, await downBias(mlp, model.width, rows)));
      }
      return {
        rows,
        head: (layer, head) => found(heads[layer]?.[head]),
        mlp: (layer) => found(mlps[layer]),
      };
    },
  };
}

/** @throws RangeError unless there is a weight for each prompt. */
function weightsOf(
  prompts: readonly (readonly number[])[],
  weights: readonly number[] | undefined,
): (index: number) => number {
  if (weights === undefined) return () => 1;
  if (weights.length !== prompts.length)
    throw new RangeError(`${weights.length} weights for ${prompts.length} prompts`);
  return (index) => weights[index] ?? 0;
}

/**
 * Adds a batch's rows to the sums, which have one row for each position or one for all.
 * @param weights how many times each of the batch's prompts counts.
 */
function addPositions(
  sums: Float64Array | undefined,
  values: Float32Array,
  weights: readonly number[],
): void {
  const target = found(sums);
  const period = target.length;
  const each = values.length / weights.length;
  for (const [prompt, weight] of weights.entries()) {
    if (weight === 0) continue;
    const end = (prompt + 1) * each;
    for (let start = prompt * each; start < end; start += period) {
      for (let index = 0; index < period; index++)
        target[index] = (target[index] as number) + weight * (values[start + index] as number);
    }
  }
}

/** For each head its z [rows, headWidth] times its rows of W_O. */
async function throughOutput(
  attention: Attention,
  z: Float64Array,
  rows: number,
  width: number,
): Promise<Constant[]> {
  const output = await inOut(attention.output).read();
  const { headWidth } = attention;
  return attention.heads.map((_, head) => {
    const values = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const target = values.subarray(row * width, (row + 1) * width);
      for (let inner = 0; inner < headWidth; inner++) {
        const factor = z[row * zWidth(attention) + head * headWidth + inner] ?? 0;
        const from = (head * headWidth + inner) * width;
        for (let column = 0; column < width; column++) {
          target[column] = (target[column] as number) + factor * (output[from + column] as number);
        }
      }
    }
    return { rows, width, values };
  });
}

/** b_V for each query head that reads it, [heads × headWidth]. */
function forEachHead({ group, headWidth }: Attention, bias: Float32Array): Float64Array {
  return Float64Array.from({ length: group.length * headWidth }, (_, at) => {
    const place = group[Math.floor(at / headWidth)] ?? 0;
    return bias[place * headWidth + (at % headWidth)] ?? 0;
  });
}

const zWidth = (attention: Attention): number => attention.heads.length * attention.headWidth;

const divide = (sums: Float64Array | undefined, count: number): Float64Array =>
  found(sums).map((sum) => sum / count);

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("no such layer or head");
  return value;
}
