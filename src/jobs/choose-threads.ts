/**
 * How many threads compute when the user does not say (Node). Threads that share a product must wait for one another
 * after it, and ONNX Runtime's spin while they wait, on a core that the rest of the program may need: small products
 * are faster in one thread. What decides is the work of one run, counted beforehand; `npm run bench -- threads` times
 * both sides of the bounds. Results do not depend on the number (`test/search.test.ts`).
 */
import { availableParallelism } from "node:os";
import { tokensAtOnce } from "../discovery/batch.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { countParameters } from "../measure/parameters.ts";
import type { Transformer } from "../transformer/transformer.ts";

/**
 * FLOPs of one layer on one batch, from which on a search takes all cores: nano's layers take 0.9 GFLOP, GPT-2 small's
 * 14.5.
 * @internal
 */
export const searchBound = 4e9;

/**
 * FLOPs of one prompt, from which on a whole model takes all cores: nano takes 0.1 GFLOP, GPT-2 small 2.6.
 * @internal
 */
export const promptBound = 0.5e9;

/** Bytes of weights that no one core's cache holds: to stream them, several cores are faster than one. */
const weightsBound = 64e6;

/** Tokens that a prompt of no fixed length is taken to have. */
const usualLength = 16;

/** For what goes over many prompts layer by layer: a search, its preflight, its verification. */
export function searchThreads(model: Transformer, cores = availableParallelism()): number {
  return flopsOfLayer(model) < searchBound ? 1 : cores;
}

/** For a shipped circuit that is asked one prompt at a time. */
export function shippedThreads(
  { metrics, model, profile }: Pick<CircuitFile, "metrics" | "model" | "profile">,
  cores = availableParallelism(),
): number {
  const length = profile.kind === "aligned" ? profile.length : usualLength;
  const { body } = metrics.parameters.circuit;
  // The logits are of the last position alone.
  const flops = 2 * length * body + 2 * model.width * model.vocabulary;
  return flops < promptBound && metrics.bytes.circuit < weightsBound ? 1 : cores;
}

/** Of a layer's matrix products with its weights, on as many tokens as a run takes at most. */
function flopsOfLayer(model: Transformer): number {
  return (2 * tokensAtOnce("cpu") * countParameters(model).body) / Math.max(1, model.blocks.length);
}
