/**
 * GPT-2: pre-norm blocks, learned positions, fused query/key/value, matrices stored [in, out] (the "Conv1D" of
 * the original code). Names are those of Hugging Face's `GPT2LMHeadModel`, with or without "transformer." in
 * front: files of the bare `GPT2Model`, such as OpenAI's own, lack it.
 */
import { readOnceTogether } from "../transformer/derive.ts";
import { groupedHeads } from "../transformer/head-groups.ts";
import { sliceColumns, sliceVector } from "../transformer/slice.ts";
import type { Attention, Block, Linear, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { CheckpointTensors, Family } from "./family.ts";
import { type Gpt2Config, parseGpt2Config } from "./gpt2-config.ts";
import { isOtherHead, noteOtherHeads } from "./other-heads.ts";
import { readEmbeddings } from "./read-embeddings.ts";
import { type TensorTaker, takeTensors } from "./take-tensors.ts";
import { unwrapNames } from "./unwrap-names.ts";

const PREFIX = "transformer.";
const UNEMBEDDING = "lm_head.weight";
const OWN_NAME = /^(?:transformer\.)?(?:wte|wpe|ln_f|h\.\d+)\./;
/** Causal masks, and the value of masked scores, that old versions stored: constants, not weights. */
const MASK_BUFFER = /^(?:transformer\.)?h\.(\d+)\.attn\.(?:bias|masked_bias)$/;

/** GPT-2's own code stores matrices [in, out], unlike most others. */
const transposed = {
  cause: "as nn.Linear and nanoGPT store it",
  advice:
    "Convert the file in Python: state[name] = state[name].t().contiguous() for every c_attn.weight, c_proj.weight and c_fc.weight.",
};

export const gpt2: Family<Gpt2Config> = {
  modelTypes: ["gpt2"],
  parseConfig: parseGpt2Config,
  describe: readGpt2,
};

async function readGpt2(
  config: Gpt2Config,
  checkpoint: CheckpointTensors,
  onNote: (note: string) => void,
): Promise<Transformer> {
  const weights = unwrapNames(checkpoint.weights, (name) => OWN_NAME.test(name));
  const prefix = [...weights.keys()].some((name) => name.startsWith(PREFIX)) ? PREFIX : "";
  const { width, vocabularySize, contextLength } = config;
  const tensors = takeTensors({ directory: checkpoint.directory, weights }, transposed);
  const { tokenEmbedding, unembedding } = await readEmbeddings(
    {
      embedding: `${prefix}wte.weight`,
      unembedding: UNEMBEDDING,
      tied: config.tiedEmbeddings,
      shape: [vocabularySize, width],
    },
    tensors,
    weights,
    onNote,
  );
  const positionEmbedding = tensors.take(`${prefix}wpe.weight`, [contextLength, width]);
  const blocks = Array.from({ length: config.layers }, (_, layer) =>
    readBlock(tensors, config, `${prefix}h.${layer}`, layer),
  );
  const finalNorm = readNorm(tensors, config, `${prefix}ln_f`);
  tensors.finish((name) => {
    const layer = MASK_BUFFER.exec(name)?.[1];
    return isOtherHead(name) || (layer !== undefined && Number(layer) < config.layers);
  });
  noteOtherHeads(weights.keys(), onNote);
  return {
    width,
    vocabularySize,
    contextLength,
    tokenEmbedding,
    positions: { kind: "learned", table: positionEmbedding },
    blocks,
    finalNorm,
    unembedding,
  };
}

function readBlock(tensors: TensorTaker, config: Gpt2Config, name: string, layer: number): Block {
  return {
    attention: readAttention(tensors, config, name, layer),
    mlp: readMlp(tensors, config, name),
  };
}

function readAttention(tensors: TensorTaker, config: Gpt2Config, name: string, layer: number): Attention {
  const { width, heads } = config;
  const headWidth = width / heads;
  const fused = readLinear(tensors, `${name}.attn.c_attn`, width, 3 * width);
  const weight = readOnceTogether(fused.weight);
  const part = (index: number): Linear => {
    const columns = [[index * width, (index + 1) * width]] as const;
    return { weight: sliceColumns(weight, columns), bias: sliceVector(fused.bias, columns) };
  };
  return {
    norm: readNorm(tensors, config, `${name}.ln_1`),
    ...groupedHeads(heads),
    headWidth,
    query: part(0),
    key: part(1),
    value: part(2),
    output: readLinear(tensors, `${name}.attn.c_proj`, width, width),
    scoreScale:
      (config.scaleScores ? 1 / Math.sqrt(headWidth) : 1) / (config.scaleScoresByLayer ? layer + 1 : 1),
  };
}

function readMlp(tensors: TensorTaker, config: Gpt2Config, name: string): Mlp {
  const { width, hiddenWidth, activation } = config;
  return {
    norm: readNorm(tensors, config, `${name}.ln_2`),
    activation,
    up: readLinear(tensors, `${name}.mlp.c_fc`, width, hiddenWidth),
    down: readLinear(tensors, `${name}.mlp.c_proj`, hiddenWidth, width),
  };
}

function readLinear(
  tensors: TensorTaker,
  name: string,
  inputs: number,
  outputs: number,
): Linear & { readonly bias: Weight } {
  return {
    weight: tensors.take(`${name}.weight`, [inputs, outputs]),
    bias: tensors.take(`${name}.bias`, [outputs]),
  };
}

function readNorm(tensors: TensorTaker, config: Gpt2Config, name: string): Norm {
  return {
    kind: "layer",
    scale: tensors.take(`${name}.weight`, [config.width]),
    shift: tensors.take(`${name}.bias`, [config.width]),
    epsilon: config.normEpsilon,
  };
}
