/**
 * Whether pooled means treat the first position apart. Many models make it an attention sink (Xiao et al. 2023,
 * arXiv:2309.17453): a layer lifts its residual norm far above all others', and heads that have nothing to do look
 * there. One mean for all positions is far from what such a layer writes at the first one, and destroys the sink. In
 * such models a replacement is two constants: the mean over the first tokens of the patching prompts, and the mean
 * over all other tokens.
 */
import type { Batch } from "./batch.ts";

/** How pooled means treat the first position: apart, with means of its own, or the same as all others. */
export type FirstPosition = "apart" | "same";

/** The choice of how pooled means treat the first position; "auto" is apart if some layer makes it a sink. */
export type FirstPositionChoice = FirstPosition | "auto";

/** The values of the option `firstPosition`. */
export const firstPositionChoices = ["auto", "apart", "same"] as const satisfies FirstPositionChoice[];

/** The layer after which the first position stands out most, and how far it does. */
export interface Sink {
  /** The layer, from 0. */
  readonly layer: number;
  /** The median norm at first positions, divided by the median norm at all others. */
  readonly ratio: number;
}

/** How the first position is treated, and what was measured for that if the choice was left to the model. */
export interface FirstPositionDecision {
  /** How it is treated. */
  readonly firstPosition: FirstPosition;
  /** What was measured; left out if the choice was not left to the model. */
  readonly sink?: Sink | undefined;
}

/** From this ratio on, a first position is a sink. That of SmolLM2 reaches 169. */
const sinkRatio = 10;

export function decideFirstPosition(sink: Sink | undefined): FirstPositionDecision {
  return { firstPosition: sink !== undefined && sink.ratio >= sinkRatio ? "apart" : "same", sink };
}

export interface SinkMeter {
  /** @param y the residual stream after a layer, [prompts, length, width], of a batch of patching prompts. */
  add(layer: number, batch: Pick<Batch, "length">, y: Float32Array): void;
  /** Undefined if no prompt has a second token. */
  sink(): Sink | undefined;
}

/** @param width of the residual stream. */
export function createSinkMeter(width: number): SinkMeter {
  const norms: { readonly first: number[]; readonly others: number[] }[] = [];
  return {
    add(layer, { length }, y) {
      norms[layer] ??= { first: [], others: [] };
      const { first, others } = norms[layer];
      for (let row = 0; row < y.length / width; row++)
        (row % length === 0 ? first : others).push(normOf(y.subarray(row * width, (row + 1) * width)));
    },
    sink() {
      const sinks = norms.flatMap(({ first, others }, layer): readonly Sink[] => {
        const ratio = median(first) / median(others);
        // Without other positions, or with a stream of zeros, there is no ratio.
        return Number.isFinite(ratio) ? [{ layer, ratio }] : [];
      });
      return sinks.reduce<Sink | undefined>(
        (most, sink) => (most === undefined || sink.ratio > most.ratio ? sink : most),
        undefined,
      );
    },
  };
}

function normOf(row: Float32Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.sqrt(sum);
}

/** NaN for an empty list. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
