/**
 * The remaining part of a layer of the original: the kept components, and the constants in place of pruned ones.
 * A search starts from the whole model; later passes start from the result of earlier ones.
 */

import type { Queries } from "../../lowering/attention.ts";
import { normedConstant } from "../../lowering/normed-constant.ts";
import { type Circuit, keepsMlp, keptHeads } from "../../transformer/circuit.ts";
import { keepHeads } from "../../transformer/keep-heads.ts";
import { countRows } from "../../transformer/position-rows.ts";
import type { Attention, Block, Mlp, Norm, Transformer } from "../../transformer/transformer.ts";
import { constantWeight } from "../../transformer/weight.ts";
import { addConstants, type Constant, constantTensor } from "../constant.ts";
import { downBias, type LayerGates, outputBias, wholeBlock } from "../forward.ts";
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
  /** Undefined if it was pruned. */
  readonly mlp: Mlp | undefined;
  /** b_2, or the MLP's replacement. */
  readonly mlpConstant: Constant;
}

/** @param model the original. */
export async function keptLayer(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  layer: number,
): Promise<KeptLayer> {
  const { attention, mlp, arrangement } = wholeBlock(model, layer);
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
    mlp: keepsMlp(circuit, layer) ? mlp : undefined,
    mlpConstant: keepsMlp(circuit, layer) ? await downBias(mlp, model.width, rows) : replacements.mlp(layer),
  };
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
  const last = constantTensor(constant, "last", 0);
  const [shape, data] =
    queries === "last"
      ? [last.shape, last.data]
      : [[countRows(constant.rows), constant.width], Float32Array.from(constant.values)];
  return { ...kept, output: { ...kept.output, bias: constantWeight("constant of the heads", shape, data) } };
}

/** The gates with which `forward` runs the original as the circuit. */
export function circuitGates(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
): (layer: number) => Promise<LayerGates> {
  return async (layer) => {
    const { heads, mlp, attentionConstant, mlpConstant } = await keptLayer(
      model,
      circuit,
      replacements,
      layer,
    );
    const whole = wholeBlock(model, layer).attention.heads;
    return {
      heads: whole.map((head) => heads.includes(head)),
      mlp: mlp !== undefined,
      attentionConstant,
      mlpConstant,
    };
  };
}
