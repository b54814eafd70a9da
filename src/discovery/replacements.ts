/**
 * What each component is replaced by when it is pruned: nothing (zero ablation), or its mean output over the
 * patching set (paper, section 2), from the unpruned model, once and for all. Aligned means have one row for
 * each position, pooled means one for all.
 *
 * A head's output is linear in z, so its mean is taken of z and multiplied by W_O once. Sums are float64 in
 * the order of the prompts, so the means do not depend on how the set was cut into batches.
 */
import type { DeviceTensor, Runtime } from "../runtime/runtime.ts";
import type { Attention, Transformer } from "../transformer/transformer.ts";
import { makeBatches } from "./batch.ts";
import { addConstants, type Constant, zeroConstant } from "./constant.ts";
import { downBias, forward, wholeBlock } from "./forward.ts";

export interface Replacements {
  /** Rows of every constant: the prompts' length for aligned means, else 1. */
  readonly rows: number;
  head(layer: number, head: number): Constant;
  mlp(layer: number): Constant;
}

/** Zero ablation: a pruned component adds nothing, an MLP's b_2 included. */
export function zeroReplacements(width: number): Replacements {
  const nothing = zeroConstant(1, width);
  return { rows: 1, head: () => nothing, mlp: () => nothing };
}

/** Mean ablation. @throws RangeError if means are aligned and prompts differ in length. */
export async function meanReplacements(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
  options: { readonly signal?: AbortSignal | undefined; readonly tokensPerBatch?: number | undefined } = {},
): Promise<Replacements> {
  const batches = makeBatches(prompts, options.tokensPerBatch);
  const sums = createMeans(model, prompts, means);
  const [last] = await forward(runtime, model, batches, {
    signal: options.signal,
    visit: ({ layer, z, mlp }) => sums.add(runtime, layer, z, mlp),
  });
  await runtime.release(...(last ?? []));
  return sums.finish();
}

/** Means in the making: activations go in layer by layer, in the order of the prompts. */
export interface Means {
  /** @param z and @param mlp as `forward` gives them for a batch of patching prompts. */
  add(runtime: Runtime, layer: number, z: DeviceTensor, mlp: DeviceTensor): Promise<void>;
  finish(): Promise<Replacements>;
}

export function createMeans(
  model: Transformer,
  prompts: readonly (readonly number[])[],
  means: "aligned" | "pooled",
): Means {
  const lengths = new Set(prompts.map((ids) => ids.length));
  if (means === "aligned" && lengths.size !== 1)
    throw new RangeError("aligned means need prompts of one length");
  const rows = means === "aligned" ? (prompts[0]?.length ?? 0) : 1;
  const count = means === "aligned" ? prompts.length : prompts.reduce((sum, ids) => sum + ids.length, 0);
  const zSums = model.blocks.map(
    (_, layer) => new Float64Array(rows * zWidth(wholeBlock(model, layer).attention)),
  );
  const mlpSums = model.blocks.map(() => new Float64Array(rows * model.width));

  return {
    async add(runtime, layer, z, mlp) {
      addPositions(zSums[layer], await runtime.readFloats(z));
      addPositions(mlpSums[layer], await runtime.readFloats(mlp));
    },

    async finish() {
      const heads: Constant[][] = [];
      const mlps: Constant[] = [];
      for (const layer of model.blocks.keys()) {
        const { attention, mlp } = wholeBlock(model, layer);
        heads.push(await headMeans(attention, divide(zSums[layer], count), rows, model.width));
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

/** Adds a batch's rows to the sums, which have one row for each position or one for all. */
function addPositions(sums: Float64Array | undefined, values: Float32Array): void {
  const target = found(sums);
  const period = target.length;
  for (let start = 0; start < values.length; start += period) {
    for (let index = 0; index < period; index++)
      target[index] = (target[index] as number) + (values[start + index] as number);
  }
}

/** For each head its mean z [rows, headWidth] times its rows of W_O. */
async function headMeans(
  attention: Attention,
  z: Float64Array,
  rows: number,
  width: number,
): Promise<Constant[]> {
  const output = await attention.output.weight.read();
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

const zWidth = (attention: Attention): number => attention.heads.length * attention.headWidth;

const divide = (sums: Float64Array | undefined, count: number): Float64Array =>
  found(sums).map((sum) => sum / count);

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("no such layer or head");
  return value;
}
