/**
 * How many threads compute when the user does not say (Node). Threads that share a product must wait for each
 * other after it. ONNX Runtime's threads are busy while they wait, on a core that the rest of the program may
 * need, so small products are faster in one thread. The choice depends on the work of one run, which is counted
 * before; `npm run bench -- threads` measures both sides of the bounds. Results do not depend on the number
 * (`test/search.test.ts`).
 */
import { availableParallelism } from "node:os";
import { tokensAtOnce } from "../discovery/batch.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { countParameters } from "../measure/parameters.ts";
import type { Transformer } from "../transformer/transformer.ts";

/**
 * The FLOPs of one layer on one batch from which on a search uses all cores: nano's layers have 0.9 GFLOP, GPT-2
 * small's 14.5.
 * @internal
 */
export const searchBound = 4e9;

/**
 * The FLOPs of one prompt from which on a whole model uses all cores: nano has 0.1 GFLOP, GPT-2 small 2.6.
 * @internal
 */
export const promptBound = 0.5e9;

/** Bytes of weights that no single core's cache holds: several cores stream them faster than one. */
const weightsBound = 64e6;

/** The assumed number of tokens of a prompt without a fixed length. */
const usualLength = 16;

/** For work on many prompts layer by layer: a search, its preflight, its verification. */
export function searchThreads(model: Transformer, cores = availableParallelism()): number {
  return flopsOfLayer(model) < searchBound ? 1 : cores;
}

/** For a shipped circuit that gets one prompt at a time. */
export function shippedThreads(
  { metrics, model, profile }: Pick<CircuitFile, "metrics" | "model" | "profile">,
  cores = availableParallelism(),
): number {
  const length = profile.kind === "aligned" ? profile.length : usualLength;
  const { body } = metrics.parameters.circuit;
  // Logits are computed at the last position only.
  const flops = 2 * length * body + 2 * model.width * model.vocabulary;
  return flops < promptBound && metrics.bytes.circuit < weightsBound ? 1 : cores;
}

/** FLOPs of the largest products of a layer with its weights, on the most tokens of one run. */
function flopsOfLayer(model: Transformer): number {
  return (
    (2 * tokensAtOnce({ device: "cpu" }) * countParameters(model).body) / Math.max(1, model.blocks.length)
  );
}
