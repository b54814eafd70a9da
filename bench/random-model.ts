/**
 * Makes a GPT-2 checkpoint of any shape with seeded random weights, as a real safetensors folder, so that speed
 * is measured with the same reading code as for a user's model. It is kept in bench/.cache between runs.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeSafetensorsFile } from "../src/checkpoint/write-safetensors-file.ts";
import { elementCount, type Weight } from "../src/transformer/weight.ts";

export interface ModelSize {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly context: number;
}

export const gpt2Small: ModelSize = { layers: 12, heads: 12, width: 768, vocabulary: 50257, context: 1024 };

/** @returns the folder. Weights are uniform with GPT-2's initial standard deviation, 0.02. */
export async function randomCheckpoint(cache: string, shape: ModelSize, seed: number): Promise<string> {
  const folder = join(cache, `gpt2-${Object.values(shape).join("-")}-seed${seed}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const { layers, heads, width, vocabulary, context } = shape;
  const config = {
    model_type: "gpt2",
    activation_function: "gelu_new",
    n_layer: layers,
    n_head: heads,
    n_embd: width,
    n_positions: context,
    vocab_size: vocabulary,
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
  };
  await writeFile(join(partial, "config.json"), JSON.stringify(config, null, 2));
  await writeSafetensorsFile(join(partial, "model.safetensors"), weights(shape, seed));
  await rename(partial, folder);
  return folder;
}

function weights({ layers, width, vocabulary, context }: ModelSize, seed: number): Weight[] {
  let next = seed;
  const random = (name: string, shape: readonly number[]): Weight => {
    const own = ++next;
    return { name, shape, read: async () => uniform(elementCount(shape), own) };
  };
  const ones = (name: string): Weight => ({
    name,
    shape: [width],
    read: async () => new Float32Array(width).fill(1),
  });
  return [
    random("wte.weight", [vocabulary, width]),
    random("wpe.weight", [context, width]),
    ...Array.from({ length: layers }, (_, layer) => [
      ones(`h.${layer}.ln_1.weight`),
      random(`h.${layer}.ln_1.bias`, [width]),
      random(`h.${layer}.attn.c_attn.weight`, [width, 3 * width]),
      random(`h.${layer}.attn.c_attn.bias`, [3 * width]),
      random(`h.${layer}.attn.c_proj.weight`, [width, width]),
      random(`h.${layer}.attn.c_proj.bias`, [width]),
      ones(`h.${layer}.ln_2.weight`),
      random(`h.${layer}.ln_2.bias`, [width]),
      random(`h.${layer}.mlp.c_fc.weight`, [width, 4 * width]),
      random(`h.${layer}.mlp.c_fc.bias`, [4 * width]),
      random(`h.${layer}.mlp.c_proj.weight`, [4 * width, width]),
      random(`h.${layer}.mlp.c_proj.bias`, [width]),
    ]).flat(),
    ones("ln_f.weight"),
    random("ln_f.bias", [width]),
  ];
}

/** Uniform with standard deviation 0.02, by a linear congruential generator (Numerical Recipes' constants). */
function uniform(count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  const halfRange = 0.02 * Math.sqrt(3);
  let state = Math.imul(seed, 2654435761) >>> 0;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = (state / 2 ** 31 - 1) * halfRange;
  }
  return values;
}

/** Seeded random prompts of one length. */
export function seededPrompts(count: number, length: number, vocabulary: number, seed: number): number[][] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () =>
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * vocabulary);
    }),
  );
}
