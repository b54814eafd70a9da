/**
 * Decoders whose tensors have Llama's names: "model.layers.3.self_attn.q_proj.weight" and so on, all matrices stored
 * [out, in]. "model." may be missing, as in files saved without the unembedding. What a family does otherwise, fused
 * matrices or other names of the MLP, it gives as a function.
 */
import { groupedHeads } from "../transformer/head-groups.ts";
import type { Attention, Block, Linear, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { CheckpointTensors } from "./family.ts";
import { isOtherHead, noteOtherHeads } from "./other-heads.ts";
import { readEmbeddings } from "./read-embeddings.ts";
import { type TensorTaker, takeTensors } from "./take-tensors.ts";
import { unwrapNames } from "./unwrap-names.ts";

const PREFIX = "model.";
const UNEMBEDDING = "lm_head.weight";
const OWN_NAME = /^(?:model\.)?(?:embed_tokens|norm|layers\.\d+)\./;
/** Angles that old versions saved: they follow from config.json. */
const ANGLES_BUFFER = /^(?:model\.)?(?:layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/;

/** Query, key, value and output of a layer. */
export type AttentionMatrices = Pick<Attention, "query" | "key" | "value" | "output">;
/** Up and down, and the gate where there is one. */
export type MlpMatrices = Pick<Mlp, "gate" | "up" | "down">;

/** How a family's tensors of one layer are read, where they have other names or shapes than Llama's. */
export interface LayerTensors {
  /** @param name of the part: "model.layers.3.self_attn". */
  readonly projections: (tensors: TensorTaker, config: DecoderConfig, name: string) => AttentionMatrices;
  readonly mlp: (tensors: TensorTaker, config: DecoderConfig, name: string) => MlpMatrices;
}

/** As Llama does. */
export const llamaTensors: LayerTensors = { projections: readProjections, mlp: readGatedMlp };

export async function readLayeredDecoder(
  config: DecoderConfig,
  checkpoint: CheckpointTensors,
  onNote: (note: string) => void,
  own: LayerTensors = llamaTensors,
): Promise<Transformer> {
  for (const note of config.notes) onNote(note);
  const weights = unwrapNames(checkpoint.weights, (name) => OWN_NAME.test(name));
  const prefix = [...weights.keys()].some((name) => name.startsWith(PREFIX)) ? PREFIX : "";
  const { width, vocabularySize, contextLength, embeddingScale } = config;
  const tensors = takeTensors({ directory: checkpoint.directory, weights });
  const embeddings = await readEmbeddings(
    {
      embedding: `${prefix}embed_tokens.weight`,
      unembedding: UNEMBEDDING,
      tied: config.tiedEmbeddings,
      shape: [vocabularySize, width],
    },
    tensors,
    weights,
    onNote,
  );
  const blocks = Array.from({ length: config.layers }, (_, layer) =>
    readBlock(tensors, config, layer, `${prefix}layers.${layer}`, own),
  );
  const finalNorm = readNorm(tensors, config, `${prefix}norm`, width);
  tensors.finish((name) => isOtherHead(name) || ANGLES_BUFFER.test(name));
  noteOtherHeads(weights.keys(), onNote);
  return {
    ...{ width, vocabularySize, contextLength, ...embeddings },
    ...(embeddingScale !== undefined && { embeddingScale }),
    positions: { kind: "none" },
    blocks,
    finalNorm,
  };
}

function readBlock(
  tensors: TensorTaker,
  config: DecoderConfig,
  layer: number,
  name: string,
  own: LayerTensors,
): Block {
  const { width, heads, keyValueHeads, headWidth, activation, parallel = false } = config;
  const norm = readNorm(tensors, config, `${name}.input_layernorm`, width);
  const part = `${name}.self_attn`;
  return {
    ...(parallel && { arrangement: "parallel" }),
    attention: {
      norm,
      ...groupedHeads(heads, keyValueHeads),
      headWidth,
      ...own.projections(tensors, config, part),
      ...(config.headNorms && {
        queryNorm: readNorm(tensors, config, `${part}.q_norm`, headWidth),
        keyNorm: readNorm(tensors, config, `${part}.k_norm`, headWidth),
      }),
      scoreScale: 1 / Math.sqrt(headWidth),
      ...config.layerAttention[layer],
    },
    mlp: {
      norm: parallel ? norm : readNorm(tensors, config, `${name}.post_attention_layernorm`, width),
      activation,
      ...own.mlp(tensors, config, `${name}.mlp`),
    },
  };
}

function readNorm(tensors: TensorTaker, { norm }: DecoderConfig, name: string, width: number): Norm {
  const stored = tensors.take(`${name}.weight`, [width]);
  const scale = norm.plusOne ? plusOne(stored) : stored;
  switch (norm.kind) {
    case "rms":
      return { kind: "rms", scale, epsilon: norm.epsilon };
    case "layer":
      return {
        kind: "layer",
        scale,
        shift: tensors.take(`${name}.bias`, [width]),
        epsilon: norm.epsilon,
      };
  }
}

function plusOne(weight: Weight): Weight {
  return {
    name: `1+${weight.name}`,
    shape: weight.shape,
    madeOf: [weight],
    read: async () => (await weight.read()).map((value) => 1 + value),
  };
}

function readProjections(tensors: TensorTaker, config: DecoderConfig, name: string): AttentionMatrices {
  const { width, heads, keyValueHeads, headWidth, biases } = config;
  const [all, shared] = [heads * headWidth, keyValueHeads * headWidth];
  const own = biases.queryKeyValue;
  return {
    query: readStoredOutIn(tensors, `${name}.q_proj`, [width, all], own),
    key: readStoredOutIn(tensors, `${name}.k_proj`, [width, shared], own),
    value: readStoredOutIn(tensors, `${name}.v_proj`, [width, shared], own),
    output: readStoredOutIn(tensors, `${name}.o_proj`, [all, width], biases.output),
  };
}

function readGatedMlp(tensors: TensorTaker, config: DecoderConfig, name: string): MlpMatrices {
  const { width, hiddenWidth, biases } = config;
  return {
    gate: readStoredOutIn(tensors, `${name}.gate_proj`, [width, hiddenWidth], biases.mlp),
    up: readStoredOutIn(tensors, `${name}.up_proj`, [width, hiddenWidth], biases.mlp),
    down: readStoredOutIn(tensors, `${name}.down_proj`, [hiddenWidth, width], biases.mlp),
  };
}

/** An nn.Linear: its matrix stays as it is stored, [out, in]. */
export function readStoredOutIn(
  tensors: TensorTaker,
  name: string,
  [inputs, outputs]: readonly [inputs: number, outputs: number],
  hasBias: boolean,
): Linear {
  return {
    weight: tensors.take(`${name}.weight`, [outputs, inputs]),
    transposed: true,
    ...(hasBias && { bias: tensors.take(`${name}.bias`, [outputs]) }),
  };
}
