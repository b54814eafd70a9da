/**
 * The replacement of each pruned component: zero (zero ablation), or its mean output over the patching set
 * (paper, section 2), computed once from the unpruned model. Aligned means have one row for each position; pooled
 * means have one for all, or one for the first position and one for all others (`first-position.ts`).
 *
 * Prompts may count several times, as in a resampled set: each is computed once and weighted by its count.
 *
 * A head's output is linear in z, so the mean of z is computed and multiplied by W_O once. Sums are float64 in
 * the order of the prompts, so the means do not depend on how the set was cut into batches.
 */
import type { Runtime } from "../runtime/runtime.ts";
import type { ComponentKind } from "../transformer/component.ts";
import { inOut, linearShape } from "../transformer/linear.ts";
import { countRows, type PositionRows } from "../transformer/position-rows.ts";
import type { Attention, Transformer } from "../transformer/transformer.ts";
import { type Batch, makeBatches } from "./batch.ts";
import { addConstants, type Constant, zeroConstant } from "./constant.ts";
import {
  createSinkMeter,
  decideFirstPosition,
  type FirstPosition,
  type FirstPositionChoice,
  type FirstPositionDecision,
} from "./first-position.ts";
import { downBias, forward, type LayerOutputs, type WholeBlock, wholeBlock } from "./forward.ts";
import { dropStreams } from "./waiting-streams.ts";

/** The name of the constants of each kind of component: neurons have one for all of a layer. */
const constantNames = { head: "head", mlp: "mlp", neuron: "neurons" } as const satisfies Record<
  ComponentKind,
  string
>;

/** The constants that replace pruned components: a function for each kind. */
export interface Replacements
  extends Readonly<Record<(typeof constantNames)[ComponentKind], (...place: never[]) => Constant>> {
  /** Which positions the rows of every constant stand for. */
  readonly rows: PositionRows;
  /** The replacement of one head's output. */
  head(layer: number, head: number): Constant;
  /** The replacement of one MLP's output. */
  mlp(layer: number): Constant;
  /**
   * The replacements of a layer's neurons: constants of h = σ(x·W_up), for MLPs with a gate of σ(x·W_gate) ⊙ x·W_up, of
   * the width of the MLP.
   * @throws RangeError where means of neurons were not asked for.
   */
  neurons(layer: number): Constant;
  /**
   * The z whose write each head's replacement is: of all heads of the layer, one after another, heads × headWidth wide;
   * undefined for zeros.
   */
  headValues(layer: number): Constant | undefined;
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
  const hidden = model.blocks.map((_, layer) => hiddenWidth(wholeBlock(model, layer)));
  const nothing = zeroReplacements(model.width, hidden);
  if (valueBias === "removed") return nothing;
  const heads: (readonly Constant[])[] = [];
  const written: (Constant | undefined)[] = [];
  for (const layer of model.blocks.keys()) {
    const { attention } = wholeBlock(model, layer);
    const bias = await attention.value.bias?.read();
    const values = bias && forEachHead(attention, bias);
    written.push(values && { rows: oneRow, width: zWidth(attention), values });
    if (values === undefined) heads.push(attention.heads.map((head) => nothing.head(layer, head)));
    else heads.push(await throughOutput(attention, values, oneRow, model.width));
  }
  return {
    ...nothing,
    head: (layer, head) => found(heads[layer]?.[head]),
    headValues: (layer) => written[layer],
  };
}

/**
 * Zero ablation: a pruned component adds nothing, an MLP's b_2 and a head's value bias included. A neuron adds
 * nothing, and b_2 stays as long as a neuron does.
 * @param hidden how many neurons each layer has; needed where neurons are pruned.
 * @internal
 */
export function zeroReplacements(width: number, hidden: readonly number[] = []): Replacements {
  const nothing = zeroConstant(oneRow, width);
  return {
    ...{ rows: oneRow, head: () => nothing, mlp: () => nothing, headValues: () => undefined },
    neurons: (layer) => zeroConstant(oneRow, found(hidden[layer])),
  };
}

const hiddenWidth = ({ mlp }: Pick<WholeBlock, "mlp">): number => linearShape(mlp.up)[1];

const oneRow: PositionRows = { kind: "one" };

export interface MeansOptions {
  /** How pooled means treat the first position; left out: as all others. */
  readonly firstPosition?: FirstPositionChoice | undefined;
  /** Whether means of neurons are computed too, whose activations are several times as wide as the stream. */
  readonly neurons?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly tokensPerBatch?: number | undefined;
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
  options: MeansOptions & {
    /** How many times each prompt counts; left out: once. */
    readonly weights?: readonly number[] | undefined;
  } = {},
): Promise<Replacements> {
  const [make] = await manyMeans(runtime, model, prompts, means, [options.weights], options);
  return found(make)();
}

/**
 * Several means of the same prompts with different weights, from one pass over them. Whether they treat the first
 * position apart is decided once for all of them, from all prompts without weights.
 * @returns functions that compute them.
 */
export async function manyMeans(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  weightings: readonly (readonly number[] | undefined)[],
  options: MeansOptions = {},
): Promise<readonly (() => Promise<Replacements>)[]> {
  const batches = makeBatches(prompts, options.tokensPerBatch ?? runtime.room?.tokensAtOnce);
  const collected = collectMeans(runtime, model, prompts, means, weightings, options);
  const [last] = await forward(runtime, model, batches, {
    signal: options.signal,
    hidden: options.neurons,
    visit: (outputs) => collected.visit(found(batches[outputs.batch]), outputs),
  });
  await dropStreams(runtime, last ?? []);
  const { firstPosition } = collected.decide() ?? { firstPosition: "same" };
  return collected.inMaking.map((sums) => () => sums.finish(firstPosition));
}

/** Means in the making, from a pass over the model. */
export interface CollectedMeans {
  /** One for each weighting. */
  readonly inMaking: readonly Means[];
  /** Takes a layer's activations in. @param batch of patching prompts. */
  visit(batch: Batch, outputs: Omit<LayerOutputs, "batch">): Promise<void>;
  /** When all is in: how pooled means treat the first position; undefined for aligned ones. */
  decide(): FirstPositionDecision | undefined;
}

/** @throws RangeError if means are aligned and prompts differ in length, or if no prompt counts. */
export function collectMeans(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  weightings: readonly (readonly number[] | undefined)[],
  { firstPosition = "same", neurons = false }: Pick<MeansOptions, "firstPosition" | "neurons">,
): CollectedMeans {
  const all = weightings.map((weights) => createMeans(model, prompts, means, weights, neurons));
  const meter = means === "pooled" && firstPosition === "auto" ? createSinkMeter(model.width) : undefined;
  return {
    inMaking: all,
    async visit(batch, { layer, z, mlp, y, hidden }) {
      const activations = {
        ...{ z: await runtime.readFloats(z), mlp: await runtime.readFloats(mlp) },
        hidden: hidden && (await runtime.readFloats(hidden)),
      };
      for (const sums of all) sums.add(layer, batch, activations);
      meter?.add(layer, batch, await runtime.readFloats(y));
    },
    decide() {
      if (means === "aligned") return undefined;
      return firstPosition === "auto" ? decideFirstPosition(meter?.sink()) : { firstPosition };
    },
  };
}

/** A batch's activations in one layer, as `forward` gives them. */
interface Activations {
  /** [prompts, length, heads × headWidth]. */
  readonly z: Float32Array;
  /** [prompts, length, d], without b_2. */
  readonly mlp: Float32Array;
  /** [prompts, length, hidden], where means of neurons are computed. */
  readonly hidden: Float32Array | undefined;
}

/** Means that are being computed: activations are added layer by layer, in the order of the prompts. */
interface Means {
  /** @param batch of patching prompts. */
  add(layer: number, batch: Batch, activations: Activations): void;
  /** @param firstPosition of pooled means. */
  finish(firstPosition: FirstPosition): Promise<Replacements>;
}

/** @param weights how many times each prompt counts; undefined: once. @param neurons whether they get means too. */
function createMeans(
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  weights: readonly number[] | undefined,
  neurons: boolean,
): Means {
  const lengths = new Set(prompts.map((ids) => ids.length));
  if (means === "aligned" && lengths.size !== 1)
    throw new RangeError("aligned means need prompts of one length");
  const [length = 0] = lengths;
  const rows: PositionRows = means === "aligned" && length > 1 ? { kind: "each", length } : oneRow;
  const weightOf = weightsOf(prompts, weights);
  const sumOver = (countOf: (ids: readonly number[]) => number) =>
    prompts.reduce((sum, ids, index) => sum + weightOf(index) * countOf(ids), 0);
  const counts = {
    prompts: sumOver(() => 1),
    all: sumOver((ids) => (means === "aligned" ? 1 : ids.length)),
  };
  if (!(counts.all > 0)) throw new RangeError("means of no prompt");
  const sumsOf = (width: number): Sums => ({
    all: new Float64Array(countRows(rows) * width),
    first: new Float64Array(width),
  });
  const zSums = model.blocks.map((_, layer) => sumsOf(zWidth(wholeBlock(model, layer).attention)));
  const mlpSums = model.blocks.map(() => sumsOf(model.width));
  const hiddenSums = neurons
    ? model.blocks.map((_, layer) => sumsOf(hiddenWidth(wholeBlock(model, layer))))
    : undefined;

  return {
    add(layer, { members }, { z, mlp, hidden }) {
      const own = members.map(weightOf);
      addPositions(found(zSums[layer]), z, own);
      addPositions(found(mlpSums[layer]), mlp, own);
      if (hiddenSums !== undefined) addPositions(found(hiddenSums[layer]), found(hidden), own);
    },

    async finish(firstPosition) {
      const isApart = means === "pooled" && firstPosition === "apart";
      const ownRows: PositionRows = isApart ? { kind: "apart" } : rows;
      const meanOf = (sums: Sums | undefined): Float64Array =>
        isApart ? meansApart(found(sums), counts) : found(sums).all.map((sum) => sum / counts.all);
      const heads: Constant[][] = [];
      const headValues: Constant[] = [];
      const mlps: Constant[] = [];
      for (const layer of model.blocks.keys()) {
        const { attention, mlp } = wholeBlock(model, layer);
        const z = meanOf(zSums[layer]);
        headValues.push({ rows: ownRows, width: zWidth(attention), values: z });
        heads.push(await throughOutput(attention, z, ownRows, model.width));
        const mean = { rows: ownRows, width: model.width, values: meanOf(mlpSums[layer]) };
        mlps.push(addConstants(mean, await downBias(mlp, model.width, ownRows)));
      }
      return {
        rows: ownRows,
        head: (layer, head) => found(heads[layer]?.[head]),
        mlp: (layer) => found(mlps[layer]),
        neurons(layer) {
          if (hiddenSums === undefined) throw new RangeError("no means of neurons were asked for");
          const sums = found(hiddenSums[layer]);
          return { rows: ownRows, width: sums.first.length, values: meanOf(sums) };
        },
        headValues: (layer) => found(headValues[layer]),
      };
    },
  };
}

/** Sums over prompts. */
interface Sums {
  /** One row for each position, or one for all. */
  readonly all: Float64Array;
  /** Of the first positions alone. */
  readonly first: Float64Array;
}

/**
 * The mean of first positions, then that of all others; where no prompt has a second token, the first twice.
 * @param counts how many prompts count, and how many positions.
 */
function meansApart(
  { all, first }: Sums,
  counts: { readonly prompts: number; readonly all: number },
): Float64Array {
  const others = counts.all - counts.prompts;
  const values = new Float64Array(2 * first.length);
  for (const [at, sum] of first.entries()) {
    values[at] = sum / counts.prompts;
    const rest = others > 0 ? ((all[at] ?? 0) - sum) / others : values[at];
    values[first.length + at] = rest ?? 0;
  }
  return values;
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
 * Adds a batch's rows to the sums.
 * @param weights how many times each of the batch's prompts counts.
 */
function addPositions({ all, first }: Sums, values: Float32Array, weights: readonly number[]): void {
  const each = values.length / weights.length;
  const addRows = (target: Float64Array, start: number, weight: number) => {
    for (let index = 0; index < target.length; index++)
      target[index] = (target[index] as number) + weight * (values[start + index] as number);
  };
  for (const [prompt, weight] of weights.entries()) {
    if (weight === 0) continue;
    const end = (prompt + 1) * each;
    for (let start = prompt * each; start < end; start += all.length) addRows(all, start, weight);
    addRows(first, prompt * each, weight);
  }
}

/** For each head its z [rows, headWidth] times its rows of W_O. */
async function throughOutput(
  attention: Attention,
  z: Float64Array,
  rows: PositionRows,
  width: number,
): Promise<Constant[]> {
  const count = countRows(rows);
  const output = await inOut(attention.output).read();
  const { headWidth } = attention;
  return attention.heads.map((_, head) => {
    const values = new Float64Array(count * width);
    for (let row = 0; row < count; row++) {
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

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("no such layer or head");
  return value;
}
