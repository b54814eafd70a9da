/**
 * An invented model family, added in the way that CONTRIBUTING.md describes: its config and its tensors, in one
 * file. It has RMSNorm, no biases, two groups of keys and values, a gated SiLU MLP, rotary positions, and
 * matrices stored [out, in]. Its weights are the ones that `writeMadeUpModel` draws.
 */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  checkConfig,
  countUpTo,
  specialTokenIds,
  tokenFields,
} from "../../src/architectures/config-fields.ts";
import type { Family, FamilyConfig } from "../../src/architectures/family.ts";
import { type TensorTaker, takeTensors } from "../../src/architectures/take-tensors.ts";
import { encodeSafetensors } from "../../src/checkpoint/testing.ts";
import { groupedHeads } from "../../src/transformer/head-groups.ts";
import { parts } from "../../src/transformer/parts.ts";
import type { Block, Linear, Norm } from "../../src/transformer/transformer.ts";
import { randomTransformer } from "./random-transformer.ts";

interface MadeUpConfig extends FamilyConfig {
  readonly width: number;
  readonly heads: number;
  readonly groups: number;
  readonly headWidth: number;
  readonly hiddenWidth: number;
  readonly base: number;
}

const schema = z.object({
  depth: countUpTo(64),
  d: countUpTo(4096),
  query_heads: countUpTo(64),
  groups: countUpTo(64),
  head_dim: countUpTo(512),
  d_hidden: countUpTo(16_384),
  rotary_base: z.number().positive(),
  context: countUpTo(65_536),
  vocab_size: countUpTo(1_000_000),
  ...tokenFields,
});

export const madeUp: Family<MadeUpConfig> = {
  modelTypes: ["made-up"],

  parseConfig(raw, file) {
    const config = checkConfig(schema, raw, file);
    return {
      modelType: "made-up",
      layers: config.depth,
      contextLength: config.context,
      vocabularySize: config.vocab_size,
      width: config.d,
      heads: config.query_heads,
      groups: config.groups,
      headWidth: config.head_dim,
      hiddenWidth: config.d_hidden,
      base: config.rotary_base,
      ...specialTokenIds(config, config.vocab_size),
    };
  },

  async describe(config, checkpoint) {
    const tensors = takeTensors(checkpoint);
    const tokenEmbedding = tensors.take("token_embedding", [config.vocabularySize, config.width]);
    const blocks = Array.from({ length: config.layers }, (_, layer) => readBlock(tensors, config, layer));
    const finalNorm = readNorm(tensors, "final_norm", config.width);
    tensors.finish(() => false);
    return {
      width: config.width,
      vocabularySize: config.vocabularySize,
      contextLength: config.contextLength,
      tokenEmbedding,
      positions: { kind: "none" },
      blocks,
      finalNorm,
      unembedding: tokenEmbedding,
    };
  },
};

function readBlock(tensors: TensorTaker, config: MadeUpConfig, layer: number): Block {
  const { width, heads, groups, headWidth, hiddenWidth, base } = config;
  const name = `blocks.${layer}`;
  const linear = (part: string, inputs: number, outputs: number): Linear => ({
    weight: tensors.take(`${name}.${part}.weight`, [outputs, inputs]),
    transposed: true,
  });
  return {
    attention: {
      norm: readNorm(tensors, `${name}.attention.norm`, width),
      ...groupedHeads(heads, groups),
      headWidth,
      query: linear("attention.query", width, heads * headWidth),
      key: linear("attention.key", width, groups * headWidth),
      value: linear("attention.value", width, groups * headWidth),
      output: linear("attention.output", heads * headWidth, width),
      rotary: {
        width: headWidth,
        pairs: "halves",
        frequencies: Array.from({ length: headWidth / 2 }, (_, pair) => base ** (-pair / headWidth)),
      },
      scoreScale: 1 / Math.sqrt(headWidth),
    },
    mlp: {
      norm: readNorm(tensors, `${name}.mlp.norm`, width),
      activation: "silu",
      gate: linear("mlp.gate", width, hiddenWidth),
      up: linear("mlp.up", width, hiddenWidth),
      down: linear("mlp.down", hiddenWidth, width),
    },
  };
}

function readNorm(tensors: TensorTaker, name: string, width: number): Norm {
  return { kind: "rms", scale: tensors.take(`${name}.scale`, [width]), epsilon: 1e-5 };
}

/** Writes a checkpoint folder with random weights and nano's tokenizer files. */
export async function writeMadeUpModel(folder: string): Promise<void> {
  const [layers, width, heads, groups, headWidth, hidden, context, vocabulary] = [
    3, 24, 4, 2, 8, 40, 64, 2194,
  ];
  const model = randomTransformer({
    ...{ layers, width, heads, keyValueHeads: groups, headWidth, hidden, context, vocabulary, seed: 11 },
    ...{ norm: "rms", biases: false, activation: "silu", gated: true, positions: "halves", transposed: true },
  });
  const tensors = [];
  for (const { path, weight } of parts(model)) {
    const values = await weight.read();
    tensors.push({ name: path, dtype: "F32", shape: weight.shape, bytes: new Uint8Array(values.buffer) });
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.safetensors"), encodeSafetensors(tensors));
  const config = {
    ...{ model_type: "made-up", depth: layers, d: width, query_heads: heads, groups, head_dim: headWidth },
    ...{ d_hidden: hidden, rotary_base: 10, context, vocab_size: vocabulary },
    ...{ bos_token_id: 2193, eos_token_id: 2193 },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  for (const file of ["vocab.json", "merges.txt"]) await cp(join("models/nano", file), join(folder, file));
}
