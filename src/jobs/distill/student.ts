/**
 * The student that a circuit is compared with (paper, Table 2): a model of the original's architecture with fewer
 * layers, from a random start.
 */
import { PithError } from "../../errors.ts";
import { createRandom, type Random } from "../../tasks/random.ts";
import { bodySize } from "../../transformer/circuit-size.ts";
import { mapWeights, type Part } from "../../transformer/parts.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { constantWeight, elementCount } from "../../transformer/weight.ts";

/** The most layers, counted from the lowest, whose matrices have no more elements than a circuit's; 0 if none has. */
export function mostLayers(model: Transformer, size: number): number {
  return model.blocks.findLastIndex((_, layer) => bodySize(lowest(model, layer + 1)) <= size) + 1;
}

/**
 * The same, of a student that is asked for.
 * @param size elements of the circuit's matrices.
 * @throws PithError "options" where not even one layer fits.
 */
export function layersThatFit(model: Transformer, size: number): number {
  const most = mostLayers(model, size);
  if (most > 0) return most;
  const least = bodySize(lowest(model, 1)).toLocaleString("en");
  throw new PithError(
    "options",
    `the circuit has ${size.toLocaleString("en")} weights in heads and MLPs, and one layer of the original has ${least}: no student is as small.`,
    { advice: "Say how many layers the student shall have (--layers)." },
  );
}

/**
 * The lowest layers of the model with new weights, as GPT-2's are before training: normal with a standard deviation of
 * 0.02, embeddings too; what writes to the stream is divided by √(2·layers); biases are 0, scales of norms 1.
 */
export function randomStudent(model: Transformer, layers: number, seed: number): Transformer {
  const normal = normalFrom(createRandom(seed));
  return mapWeights(lowest(model, layers), (weight, path, role) => {
    const deviation = 0.02 / (isWriter(path) ? Math.sqrt(2 * layers) : 1);
    const draw = {
      body: () => deviation * normal(),
      embedding: () => deviation * normal(),
      vector: startOf(path),
    };
    const values = Float32Array.from({ length: elementCount(weight.shape) }, draw[role]);
    return constantWeight(path, weight.shape, values);
  });
}

function lowest(model: Transformer, layers: number): Transformer {
  return { ...model, blocks: model.blocks.slice(0, layers) };
}

const isWriter = (path: Part["path"]): boolean => /\.(attention\.output|mlp\.down)\.weight$/.test(path);

const startOf = (path: Part["path"]) => () => (path.endsWith(".scale") ? 1 : 0);

/** Standard normal numbers, by the method of Box and Muller. */
function normalFrom({ nextUint32 }: Random): () => number {
  let second: number | undefined;
  return () => {
    if (second !== undefined) {
      const kept = second;
      second = undefined;
      return kept;
    }
    // From above 0 to 1, so that the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log((nextUint32() + 1) / 2 ** 32));
    const angle = (2 * Math.PI * nextUint32()) / 2 ** 32;
    second = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
