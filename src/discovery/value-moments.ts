/**
 * How the values that kept heads read differ from prompt to prompt: for each of them the mean of (z − z̄)(z − z̄)ᵀ over
 * the patching prompts and their positions, in the original model. z̄ is what replaces the head's z when it is pruned:
 * its mean at the position, or zero.
 */
import type { Runtime } from "../runtime/runtime.ts";
import { type Circuit, keptHeads } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { makeBatches, tokensAtOnce } from "./batch.ts";
import { constantAt } from "./constant.ts";
import { forward, wholeBlock } from "./forward.ts";
import type { Replacements } from "./replacements.ts";
import { dropStreams } from "./waiting-streams.ts";

/** For each layer that keeps heads, each kept head's second moments [headWidth, headWidth], in the order of the heads. */
export type ValueMoments = ReadonlyMap<number, readonly Float64Array[]>;

/** @param model an original model. @param prompts the patching prompts' token ids. */
export async function valueMoments(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  circuit: Circuit,
  replacements: Pick<Replacements, "headValues">,
  signal?: AbortSignal,
): Promise<ValueMoments> {
  const sums = new Map<number, readonly Float64Array[]>();
  for (const layer of model.blocks.keys()) {
    const { headWidth } = wholeBlock(model, layer).attention;
    const kept = keptHeads(circuit, layer);
    if (kept.length > 0)
      sums.set(
        layer,
        kept.map(() => new Float64Array(headWidth * headWidth)),
      );
  }
  const batches = makeBatches(prompts, tokensAtOnce(runtime));
  const last = await forward(runtime, model, batches, {
    signal,
    async visit({ layer, batch, z }) {
      const own = sums.get(layer);
      if (own === undefined) return;
      const { heads, headWidth } = wholeBlock(model, layer).attention;
      const values = await runtime.readFloats(z);
      const length = batches[batch]?.length ?? 1;
      const across = heads.length * headWidth;
      const mean = replacements.headValues(layer);
      const less = new Float64Array(across);
      for (let row = 0; row * across < values.length; row++) {
        const subtract = mean && constantAt(mean, row % length);
        for (let at = 0; at < across; at++)
          less[at] = (values[row * across + at] as number) - (subtract?.[at] ?? 0);
        for (const [index, head] of keptHeads(circuit, layer).entries())
          addSquare(own[index], less.subarray(head * headWidth, (head + 1) * headWidth));
      }
    },
  });
  for (const streams of last) await dropStreams(runtime, streams);
  const count = prompts.reduce((sum, ids) => sum + ids.length, 0);
  return new Map([...sums].map(([layer, own]) => [layer, own.map((sum) => sum.map((each) => each / count))]));
}

/** Adds the products of all pairs of elements. */
function addSquare(sum: Float64Array | undefined, values: Float64Array): void {
  if (sum === undefined) throw new RangeError("no such head");
  const { length } = values;
  for (let row = 0; row < length; row++) {
    const scale = values[row] as number;
    for (let column = 0; column < length; column++)
      sum[row * length + column] =
        (sum[row * length + column] as number) + scale * (values[column] as number);
  }
}
