/**
 * Makes a checkpoint of any shape with seeded random weights, as a real safetensors folder, so that speed and memory
 * are measured with the same reading code as for a user's model. It is kept in bench/.cache between runs.
 */
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TensorToStore, writeSafetensorsFile } from "../src/checkpoint/write-safetensors-file.ts";
import { toFloat16 } from "../src/export/dtype-numbers.ts";
import { elementCount, type Weight } from "../src/transformer/weight.ts";
import type { ModelSize } from "./model-sizes.ts";

export type StoredDtype = "F32" | "F16" | "BF16";

/** @returns the folder. Weights are uniform with GPT-2's initial standard deviation, 0.02. */
export async function randomCheckpoint(
  cache: string,
  shape: ModelSize,
  seed: number,
  dtype: StoredDtype = "F32",
): Promise<string> {
  const folder = join(cache, `${Object.values(shape).join("-")}-${dtype}-seed${seed}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, "config.json"), JSON.stringify(configOf(shape), null, 2));
  await writeFile(join(partial, "tokenizer.json"), JSON.stringify(wordTokenizer(shape)));
  await writeFile(join(partial, "tokenizer_config.json"), "{}");
  const tensors = weightsOf(shape, seed).map((weight) => stored(weight, dtype));
  await writeSafetensorsFile(join(partial, "model.safetensors"), tensors);
  await rename(partial, folder);
  return folder;
}

/** Whole words alone, "w0", "w1", … for every token: a model of random weights has nothing to say of texts. */
function wordTokenizer({ vocabulary }: ModelSize): object {
  return {
    ...{ version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null },
    ...{ pre_tokenizer: { type: "WhitespaceSplit" }, post_processor: null, decoder: null },
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(Array.from({ length: vocabulary }, (_, id) => [`w${id}`, id])),
      unk_token: "w0",
    },
  };
}

function configOf(shape: ModelSize): object {
  const { layers, heads, keyValueHeads, headWidth, width, mlpWidth, vocabulary, context } = shape;
  switch (shape.family) {
    case "gpt2":
      return {
        ...{ model_type: "gpt2", activation_function: "gelu_new", layer_norm_epsilon: 1e-5 },
        ...{ n_layer: layers, n_head: heads, n_embd: width, n_positions: context, vocab_size: vocabulary },
        tie_word_embeddings: true,
      };
    case "llama":
      return {
        ...{ model_type: "llama", hidden_act: "silu", rms_norm_eps: 1e-5, rope_theta: 500_000 },
        ...{ num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: keyValueHeads },
        ...{ head_dim: headWidth, hidden_size: width, intermediate_size: mlpWidth },
        ...{ vocab_size: vocabulary, max_position_embeddings: context, tie_word_embeddings: true },
      };
  }
}

function stored(weight: Weight, dtype: StoredDtype): TensorToStore {
  switch (dtype) {
    case "F32":
      return weight;
    case "F16":
      return { ...weight, dtype, read: async () => toFloat16(await weight.read(), weight.name) };
    case "BF16":
      // The upper half of a float32: what is cut off is far below the weights' spread.
      return {
        ...weight,
        dtype,
        async read() {
          const bits = new Uint32Array((await weight.read()).buffer);
          const halves = new Uint16Array(bits.length);
          for (let at = 0; at < bits.length; at++) halves[at] = (bits[at] as number) >>> 16;
          return halves;
        },
      };
  }
}

function weightsOf(shape: ModelSize, seed: number): Weight[] {
  let next = seed;
  const random = (name: string, dimensions: readonly number[]): Weight => {
    const own = ++next;
    return { name, shape: dimensions, read: async () => uniform(elementCount(dimensions), own) };
  };
  const ones = (name: string): Weight => ({
    name,
    shape: [shape.width],
    read: async () => new Float32Array(shape.width).fill(1),
  });
  switch (shape.family) {
    case "gpt2":
      return gpt2Weights(shape, random, ones);
    case "llama":
      return llamaWeights(shape, random, ones);
  }
}

type MakeRandom = (name: string, shape: readonly number[]) => Weight;
type MakeOnes = (name: string) => Weight;

function gpt2Weights(
  { layers, width, mlpWidth, vocabulary, context }: ModelSize,
  random: MakeRandom,
  ones: MakeOnes,
): Weight[] {
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
      random(`h.${layer}.mlp.c_fc.weight`, [width, mlpWidth]),
      random(`h.${layer}.mlp.c_fc.bias`, [mlpWidth]),
      random(`h.${layer}.mlp.c_proj.weight`, [mlpWidth, width]),
      random(`h.${layer}.mlp.c_proj.bias`, [width]),
    ]).flat(),
    ones("ln_f.weight"),
    random("ln_f.bias", [width]),
  ];
}

function llamaWeights(
  { layers, width, heads, keyValueHeads, headWidth, mlpWidth, vocabulary }: ModelSize,
  random: MakeRandom,
  ones: MakeOnes,
): Weight[] {
  return [
    random("model.embed_tokens.weight", [vocabulary, width]),
    ...Array.from({ length: layers }, (_, layer) => {
      const name = `model.layers.${layer}`;
      return [
        ones(`${name}.input_layernorm.weight`),
        random(`${name}.self_attn.q_proj.weight`, [heads * headWidth, width]),
        random(`${name}.self_attn.k_proj.weight`, [keyValueHeads * headWidth, width]),
        random(`${name}.self_attn.v_proj.weight`, [keyValueHeads * headWidth, width]),
        random(`${name}.self_attn.o_proj.weight`, [width, heads * headWidth]),
        ones(`${name}.post_attention_layernorm.weight`),
        random(`${name}.mlp.gate_proj.weight`, [mlpWidth, width]),
        random(`${name}.mlp.up_proj.weight`, [mlpWidth, width]),
        random(`${name}.mlp.down_proj.weight`, [width, mlpWidth]),
      ];
    }).flat(),
    ones("model.norm.weight"),
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
