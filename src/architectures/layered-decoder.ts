/**
 * Decoders as a stack of layers, with all matrices stored [out, in]. Names are Llama's unless a family gives its
 * own; a family reads other forms, such as fused matrices or an MLP without a gate, by a function. The prefix
 * "model." may be missing, as in files saved without the unembedding.
 */
import { joinColumns, readOnceTogether } from "../transformer/derive.ts";
import { groupedHeads } from "../transformer/head-groups.ts";
import { sliceOutputs } from "../transformer/linear.ts";
import type { Range } from "../transformer/slice.ts";
import type {
  Attention,
  Block,
  Linear,
  Mlp,
  Norm,
  Positions,
  ProjectionNorm,
  Transformer,
} from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { CheckpointTensors } from "./family.ts";
import { isOtherHead, noteOtherHeads } from "./other-heads.ts";
import { readEmbeddings } from "./read-embeddings.ts";
import { type TensorTaker, takeTensors } from "./take-tensors.ts";
import { unwrapNames } from "./unwrap-names.ts";

/** A checkpoint's names for its parts. */
export interface DecoderNames {
  /** Possible prefixes of all names except the unembedding's, the longest first. */
  readonly prefixes: readonly string[];
  readonly embedding: string;
  /** The list of layers. */
  readonly layers: string;
  readonly finalNorm: string;
  readonly unembedding: string;
  /** The prefix of its matrices' names within a layer; may be "". */
  readonly attention: string;
  readonly mlp: string;
  /** The name of the norm before the part, within a layer; left out: the part reads the stream as it is. */
  readonly attentionNorm?: string | undefined;
  readonly mlpNorm?: string | undefined;
  /** The name of the norm after the part, within a layer; left out: there is none. */
  readonly attentionPostNorm?: string;
  readonly mlpPostNorm?: string;
  /** Within the attention: the norms of queries and keys; if each head has its own, the prefix of its number. */
  readonly queryNorm: string;
  readonly keyNorm: string;
  /**
   * Tensors that old versions stored although they follow from config.json: masks, angles. Without the prefix.
   */
  readonly constants: RegExp;
}

export const llamaNames: DecoderNames = {
  prefixes: ["model."],
  embedding: "embed_tokens",
  layers: "layers",
  finalNorm: "norm",
  unembedding: "lm_head",
  attention: "self_attn",
  mlp: "mlp",
  attentionNorm: "input_layernorm",
  mlpNorm: "post_attention_layernorm",
  queryNorm: "q_norm",
  keyNorm: "k_norm",
  constants: /^(?:layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/,
};

/** GPT-2's names, which GPT-J and GPT-Neo use for everything except their attention. */
export const gpt2Names: DecoderNames = {
  ...llamaNames,
  prefixes: ["transformer."],
  embedding: "wte",
  layers: "h",
  finalNorm: "ln_f",
  attentionNorm: "ln_1",
  mlpNorm: "ln_2",
};

/** Query, key, value and output of a layer. */
export type AttentionMatrices = Pick<Attention, "query" | "key" | "value" | "output">;
/** Up and down, and the gate if there is one. */
export type MlpMatrices = Pick<Mlp, "gate" | "up" | "down">;

/** Functions that read a family's tensors, where names or shapes differ from Llama's. */
export interface LayerTensors {
  readonly names: DecoderNames;
  /** @param name of the part: "model.layers.3.self_attn". */
  readonly projections: (tensors: TensorTaker, config: DecoderConfig, name: string) => AttentionMatrices;
  readonly mlp: (tensors: TensorTaker, config: DecoderConfig, name: string) => MlpMatrices;
  /** How the residual stream gets positions; left out: only by its attention. */
  readonly positions?: (tensors: TensorTaker, config: DecoderConfig, prefix: string) => Positions;
}

/** Llama's own names and matrices. */
export const llamaTensors: LayerTensors = {
  names: llamaNames,
  projections: projectionsNamed({ query: "q_proj", key: "k_proj", value: "v_proj", output: "o_proj" }),
  mlp: mlpNamed({ gate: "gate_proj", up: "up_proj", down: "down_proj" }),
};

export async function readLayeredDecoder(
  config: DecoderConfig,
  checkpoint: CheckpointTensors,
  onNote: (note: string) => void,
  own: LayerTensors = llamaTensors,
): Promise<Transformer> {
  for (const note of config.notes) onNote(note);
  const { names } = own;
  const weights = unwrapNames(checkpoint.weights, isOwnName(names));
  const prefix =
    names.prefixes.find((each) => [...weights.keys()].some((name) => name.startsWith(each))) ?? "";
  const { width, vocabularySize, contextLength, embeddingScale, logitCap } = config;
  const tensors = takeTensors({ directory: checkpoint.directory, weights });
  const embeddings = await readEmbeddings(
    {
      embedding: `${prefix}${names.embedding}.weight`,
      unembedding: `${names.unembedding}.weight`,
      tied: config.tiedEmbeddings,
      shape: [vocabularySize, width],
    },
    tensors,
    weights,
    onNote,
  );
  const positions = own.positions?.(tensors, config, prefix) ?? { kind: "none" };
  const blocks = Array.from({ length: config.layers }, (_, layer) =>
    readBlock(tensors, config, layer, `${prefix}${names.layers}.${layer}`, own),
  );
  const finalNorm = readNorm(tensors, config, `${prefix}${names.finalNorm}`, width);
  const unembeddingBias = config.biases.unembedding
    ? tensors.take(`${names.unembedding}.bias`, [vocabularySize])
    : undefined;
  tensors.finish((name) => isOtherHead(name) || names.constants.test(withoutPrefix(name, prefix)));
  noteOtherHeads(weights.keys(), onNote);
  return {
    ...{ width, vocabularySize, contextLength, ...embeddings },
    ...(embeddingScale !== undefined && { embeddingScale }),
    positions,
    blocks,
    finalNorm,
    ...(unembeddingBias && { unembeddingBias }),
    ...(logitCap !== undefined && { logitCap }),
  };
}

function isOwnName({ prefixes, embedding, layers, finalNorm }: DecoderNames): (name: string) => boolean {
  const starts = [`${embedding}.`, `${finalNorm}.`, `${layers}.`];
  return (name) =>
    ["", ...prefixes].some((prefix) => starts.some((start) => name.startsWith(`${prefix}${start}`)));
}

function withoutPrefix(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

function readBlock(
  tensors: TensorTaker,
  config: DecoderConfig,
  layer: number,
  name: string,
  own: LayerTensors,
): Block {
  const { width, heads, keyValueHeads, headWidth, activation, arrangement = "sequential" } = config;
  const { names } = own;
  const normNamed = (own: string | undefined) =>
    own === undefined ? undefined : readNorm(tensors, config, `${name}.${own}`, width);
  const norm = normNamed(names.attentionNorm);
  const behind = (own: string | undefined) => {
    const postNorm = normNamed(own);
    return postNorm && { postNorm };
  };
  const mlpNorm = arrangement === "parallel, one norm" ? norm : normNamed(names.mlpNorm);
  const part = names.attention === "" ? name : `${name}.${names.attention}`;
  return {
    ...(arrangement !== "sequential" && { arrangement: "parallel" }),
    attention: {
      ...(norm && { norm }),
      ...behind(names.attentionPostNorm),
      ...groupedHeads(heads, keyValueHeads),
      headWidth,
      ...own.projections(tensors, config, part),
      ...readProjectionNorms(tensors, config, part, names),
      scoreScale: config.scoreScale ?? 1 / Math.sqrt(headWidth),
      ...(config.scoreCap !== undefined && { scoreCap: config.scoreCap }),
      ...config.layerAttention[layer],
    },
    mlp: {
      ...(mlpNorm && { norm: mlpNorm }),
      ...behind(names.mlpPostNorm),
      activation,
      ...own.mlp(tensors, config, names.mlp === "" ? name : `${name}.${names.mlp}`),
    },
  };
}

/** @param part the attention's name. */
function readProjectionNorms(
  tensors: TensorTaker,
  config: DecoderConfig,
  part: string,
  { queryNorm, keyNorm }: DecoderNames,
): Pick<Attention, "queryNorm" | "keyNorm"> {
  const { projectionNorms: kind, headWidth, norm } = config;
  if (kind === undefined) return {};
  const read = (own: string, heads: number): ProjectionNorm => {
    const name = `${part}.${own}`;
    const count = heads * headWidth;
    switch (kind) {
      case "shared":
        return readNorm(tensors, config, name, headWidth);
      case "joint":
        return { kind, scale: tensors.take(`${name}.weight`, [count]), epsilon: norm.epsilon, count };
      case "own": {
        const scales = Array.from({ length: heads }, (_, head) =>
          tensors.take(`${name}.${head}.weight`, [headWidth]),
        );
        return { kind: norm.kind, scale: joinColumns(scales), epsilon: norm.epsilon };
      }
    }
  };
  return { queryNorm: read(queryNorm, config.heads), keyNorm: read(keyNorm, config.keyValueHeads) };
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

/** One matrix each for query, key, value and output, within the attention. */
export function projectionsNamed(
  names: Readonly<Record<keyof AttentionMatrices, string>>,
): LayerTensors["projections"] {
  return (tensors, config, name) => {
    const { width, heads, keyValueHeads, headWidth, biases } = config;
    const [all, shared] = [heads * headWidth, keyValueHeads * headWidth];
    const own = biases.queryKeyValue;
    return {
      query: readStoredOutIn(tensors, `${name}.${names.query}`, [width, all], own),
      key: readStoredOutIn(tensors, `${name}.${names.key}`, [width, shared], own),
      value: readStoredOutIn(tensors, `${name}.${names.value}`, [width, shared], own),
      output: readStoredOutIn(tensors, `${name}.${names.output}`, [all, width], biases.output),
    };
  };
}

/** One matrix each for up and down, and for the gate if there is one, within the MLP. */
export function mlpNamed(names: {
  readonly gate?: string;
  readonly up: string;
  readonly down: string;
}): LayerTensors["mlp"] {
  return (tensors, { width, hiddenWidth, biases }, name) => {
    const read = (own: string, shape: readonly [inputs: number, outputs: number]) =>
      readStoredOutIn(tensors, `${name}.${own}`, shape, biases.mlp);
    return {
      ...(names.gate !== undefined && { gate: read(names.gate, [width, hiddenWidth]) }),
      up: read(names.up, [width, hiddenWidth]),
      down: read(names.down, [hiddenWidth, width]),
    };
  };
}

/** A map like nn.Linear: its matrix stays in its stored form, [out, in]. */
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

/** Parts of a fused matrix, by the ranges of its outputs; parts that are read together read the matrix once. */
export function readFused(
  tensors: TensorTaker,
  name: string,
  shape: readonly [inputs: number, outputs: number],
  hasBias: boolean,
): (ranges: readonly Range[]) => Linear {
  const stored = readStoredOutIn(tensors, name, shape, hasBias);
  const fused = { ...stored, weight: readOnceTogether(stored.weight) };
  return (ranges) => sliceOutputs(fused, ranges);
}
