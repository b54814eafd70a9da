/**
 * The remaining part of a layer of the original: the kept components, and the constants in place of pruned ones.
 * A search starts from the whole model; later passes start from the result of earlier ones.
 */

import type { Queries } from "../../lowering/attention.ts";
import { normedConstant } from "../../lowering/normed-constant.ts";
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "../../transformer/circuit.ts";
import { keepHeads } from "../../transformer/keep-heads.ts";
import { keepNeurons, prunedNeurons } from "../../transformer/keep-neurons.ts";
import { countRows } from "../../transformer/position-rows.ts";
import type { Attention, Block, Linear, Mlp, Norm, Transformer } from "../../transformer/transformer.ts";
import { constantWeight } from "../../transformer/weight.ts";
import { addConstants, type Constant, constantFromVector, constantTensor } from "../constant.ts";
import { downBias, type LayerGates, neuronGates, outputBias, wholeBlock } from "../forward.ts";
import { writtenByNeurons } from "../neuron-constant.ts";
import type { Replacements } from "../replacements.ts";

export interface KeptLayer {
  /** Indices in the original layer, ascending. */
  readonly heads: readonly number[];
  /** The kept heads; undefined if there is none. */
  readonly attention: Attention | undefined;
  /**
   * b_O and the replacements of pruned heads; added to the heads' sum, before the norm after them if there is
   * one.
   */
  readonly attentionConstant: Constant;
  /** The norm after the heads, whether any head is left or not. */
  readonly postNorm: Norm | undefined;
  readonly arrangement: Block["arrangement"];
  /** The MLP's kept neurons; undefined if it was pruned. */
  readonly mlp: Mlp | undefined;
  /** b_2 and the replacements of pruned neurons, or the MLP's replacement. */
  readonly mlpConstant: Constant;
}

/** @param model the original. @param queries the positions at which the layer's MLP reads the stream. */
export async function keptLayer(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  layer: number,
  queries: Queries,
): Promise<KeptLayer> {
  return {
    ...(await keptHeadsOf(model, circuit, replacements, layer)),
    ...(await keptMlp(model, circuit, replacements, layer, queries)),
  };
}

async function keptHeadsOf(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  layer: number,
): Promise<Omit<KeptLayer, "mlp" | "mlpConstant">> {
  const { attention, arrangement } = wholeBlock(model, layer);
  const { rows } = replacements;
  const kept = new Set(keptHeads(circuit, layer));
  const heads = attention.heads.filter((head) => kept.has(head));
  const gone = attention.heads.filter((head) => !kept.has(head));
  const bias = await outputBias(attention, model.width, rows);
  return {
    heads,
    attention: heads.length === 0 ? undefined : keepHeads(attention, heads),
    attentionConstant: addConstants(bias, ...gone.map((head) => replacements.head(layer, head))),
    postNorm: attention.postNorm,
    arrangement,
  };
}

async function keptMlp(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  layer: number,
  queries: Queries,
): Promise<Pick<KeptLayer, "mlp" | "mlpConstant">> {
  if (!keepsMlp(circuit, layer)) return { mlp: undefined, mlpConstant: replacements.mlp(layer) };
  const { mlp } = wholeBlock(model, layer);
  const { rows } = replacements;
  const bias = await downBias(mlp, model.width, rows);
  const neurons = keptNeurons(circuit, layer);
  if (neurons === "all") return { mlp, mlpConstant: bias };
  const written = await writtenByNeurons(mlp, prunedNeurons(mlp, neurons), replacements.neurons(layer));
  const kept = keepNeurons(mlp, neurons);
  if (mlp.postNorm === undefined) return { mlp: kept, mlpConstant: addConstants(bias, written) };
  const own = constantFromVector((await mlp.down.bias?.read()) ?? new Float32Array(model.width), rows);
  const down = withConstant(kept.down, addConstants(own, written), queries);
  return { mlp: { ...kept, down }, mlpConstant: bias };
}

/**
 * The output of a layer without heads.
 * @param constant b_O and the replacements of all its heads.
 */
export async function leftByHeads(
  { postNorm }: Pick<KeptLayer, "postNorm">,
  constant: Constant,
): Promise<Constant> {
  if (postNorm === undefined) return constant;
  const { rows, width, values } = constant;
  const normed = normedConstant(postNorm, [
    {
      shape: [countRows(rows), width],
      ...(rows.kind === "apart" && { firstApart: true }),
      read: async () => values,
    },
  ]);
  return { rows, width, values: Float64Array.from(await normed.read()) };
}

/**
 * The kept heads as a part of an upper: a constant that is added to their sum before a norm becomes their b_O.
 * @param constant b_O and the replacements of pruned heads. @param queries the positions of their queries.
 */
export function headsAbove(
  attention: Attention,
  heads: readonly number[],
  constant: Constant,
  queries: Queries,
): Attention {
  const kept = keepHeads(attention, heads);
  if (attention.postNorm === undefined) return kept;
  return { ...kept, output: withConstant(kept.output, constant, queries) };
}

/** A map that writes to the stream through a norm, with a constant as its bias. */
function withConstant(linear: Linear, constant: Constant, queries: Queries): Linear {
  const last = constantTensor(constant, "last", 0);
  const [shape, data] =
    queries === "last"
      ? [last.shape, last.data]
      : [[countRows(constant.rows), constant.width], Float32Array.from(constant.values)];
  return { ...linear, bias: constantWeight("constant before a norm", shape, data) };
}

/** The gates with which `forward` runs the original as the circuit. */
export function circuitGates(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
): (layer: number) => Promise<LayerGates> {
  return async (layer) => {
    const { heads, attentionConstant } = await keptHeadsOf(model, circuit, replacements, layer);
    const { attention, mlp } = wholeBlock(model, layer);
    const keeps = keepsMlp(circuit, layer);
    const neurons = keptNeurons(circuit, layer);
    return {
      heads: attention.heads.map((head) => heads.includes(head)),
      mlp: keeps,
      attentionConstant,
      mlpConstant: keeps ? await downBias(mlp, model.width, replacements.rows) : replacements.mlp(layer),
      ...(keeps && neurons !== "all" && { neurons: neuronGates(neurons, replacements.neurons(layer)) }),
    };
  };
}
