/**
 * GPT-2: pre-norm blocks, learned positions, fused query/key/value, matrices stored [in, out] (the "Conv1D" of
 * the original code). Names as in Hugging Face's `GPT2LMHeadModel`, with or without "transformer." in front:
 * files saved from the bare `GPT2Model`, OpenAI's own among them, lack it.
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Gpt2Config } from "../checkpoint/config.ts";
import { readOnceTogether } from "../transformer/derive.ts";
import { sliceColumns, sliceVector } from "../transformer/slice.ts";
import type { Attention, Block, Linear, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import { type TensorTaker, takeTensors } from "./take-tensors.ts";

const PREFIX = "transformer.";
const UNEMBEDDING = "lm_head.weight";
/** Causal masks, and the value of masked scores, that old versions saved: constants, not weights. */
const MASK_BUFFER = /^(?:transformer\.)?h\.(\d+)\.attn\.(?:bias|masked_bias)$/;

/** @throws PithError "checkpoint" when tensors and config disagree; reads no data. */
export function readGpt2(
  config: Gpt2Config,
  checkpoint: Pick<Checkpoint, "directory" | "weights">,
): Transformer {
  const { weights } = checkpoint;
  const prefix = weights.has(`${PREFIX}wte.weight`) ? PREFIX : "";
  const { width, vocabularySize, contextLength } = config;
  const tensors = takeTensors(checkpoint);
  const tokenEmbedding = tensors.take(`${prefix}wte.weight`, [vocabularySize, width]);
  const positionEmbedding = tensors.take(`${prefix}wpe.weight`, [contextLength, width]);
  const blocks = Array.from({ length: config.layers }, (_, layer) =>
    readBlock(tensors, config, `${prefix}h.${layer}`, layer),
  );
  const finalNorm = readNorm(tensors, config, `${prefix}ln_f`);
  // A tied model may carry the unembedding nevertheless; as in the original library, the embedding counts.
  const stored =
    !config.tiedEmbeddings || weights.has(UNEMBEDDING)
      ? tensors.take(UNEMBEDDING, [vocabularySize, width])
      : undefined;
  tensors.finish((name) => {
    const layer = MASK_BUFFER.exec(name)?.[1];
    return layer !== undefined && Number(layer) < config.layers;
  });
  return {
    width,
    vocabularySize,
    contextLength,
    tokenEmbedding,
    positionEmbedding,
    blocks,
    finalNorm,
    unembedding: config.tiedEmbeddings || stored === undefined ? tokenEmbedding : stored,
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
    heads: Array.from({ length: heads }, (_, head) => head),
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

function readLinear(tensors: TensorTaker, name: string, inputs: number, outputs: number): Required<Linear> {
  return {
    weight: tensors.take(`${name}.weight`, [inputs, outputs]),
    bias: tensors.take(`${name}.bias`, [outputs]),
  };
}

function readNorm(tensors: TensorTaker, config: Gpt2Config, name: string): Norm {
  return {
    scale: tensors.take(`${name}.weight`, [config.width]),
    shift: tensors.take(`${name}.bias`, [config.width]),
    epsilon: config.normEpsilon,
  };
}
