/** WIFV: weighted input feature variance, FLAP's score of neurons (An et al. 2024, arXiv:2312.11983). */
import { uniformGates } from "../../transformer/gates.ts";
import { inOut } from "../../transformer/linear.ts";
import { makeBatches } from "../batch.ts";
import { type Constant, constantAt } from "../constant.ts";
import { wholeBlock } from "../forward.ts";
import { visitActivations } from "../gates/activations.ts";
import type { Ranking } from "./ranking.ts";

export const wifv: Ranking = {
  name: "wifv",
  estimates:
    "The mean squared change of the MLP's output when the neuron alone is replaced by its mean: its variance times the squared norm of its row of W_down, summed over positions.",
  fails:
    "It sees what a neuron writes and not whether anything reads it, so a loud neuron that the task ignores scores high.",
  scores: ["neurons"],
  losses: [],
  async score({ engine, gated, signal, onProgress }) {
    const { runtime, model, means } = engine.tools;
    const patching = engine.prompts.slice(0, gated.patching).map(({ ids }) => ids);
    const { neurons } = uniformGates(gated.shape, 0);
    const layers = model.blocks.length;
    await visitActivations(
      runtime,
      model,
      makeBatches(patching),
      ["neurons"],
      signal,
      (layer, { length }, { values }) => {
        onProgress(layer, layers);
        addSquares(neurons[layer] ?? new Float64Array(), values, means.of("neurons", layer), length);
      },
    );
    for (const [layer, squares] of neurons.entries()) {
      const norms = await squaredRows(await inOut(wholeBlock(model, layer).mlp.down).read(), squares.length);
      for (const at of squares.keys())
        squares[at] = ((squares[at] ?? 0) / patching.length) * (norms[at] ?? 0);
    }
    return { neurons };
  },
};

/** Adds (h − h̄)² of every position. */
function addSquares(sums: Float64Array, h: Float32Array, mean: Constant, length: number): void {
  const width = sums.length;
  for (let row = 0; row < h.length / width; row++) {
    const own = constantAt(mean, row % length);
    for (let at = 0; at < width; at++) {
      sums[at] = (sums[at] as number) + ((h[row * width + at] as number) - (own[at] as number)) ** 2;
    }
  }
}

/** The squared norm of each row. */
async function squaredRows(matrix: Float32Array, rows: number): Promise<Float64Array> {
  const width = matrix.length / rows;
  const norms = new Float64Array(rows);
  for (const [at, value] of matrix.entries()) {
    const row = Math.floor(at / width);
    norms[row] = (norms[row] ?? 0) + value ** 2;
  }
  return norms;
}
