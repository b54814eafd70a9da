/**
 * What a circuit leaves of a layer of the original: the parts that stay, and the constants in place of those that
 * went. A search starts from the whole model; later passes start from what earlier ones left.
 */

import { type Circuit, keepsMlp, keptHeads } from "../../transformer/circuit.ts";
import { keepHeads } from "../../transformer/keep-heads.ts";
import type { Attention, Mlp, Transformer } from "../../transformer/transformer.ts";
import { addConstants, type Constant } from "../constant.ts";
import { downBias, type LayerGates, outputBias, wholeBlock } from "../forward.ts";
import type { Replacements } from "../replacements.ts";

export interface KeptLayer {
  /** Indices in the original layer, ascending. */
  readonly heads: readonly number[];
  /** The kept heads; undefined if there is none. */
  readonly attention: Attention | undefined;
  /** b_O and the replacements of the heads that went. */
  readonly attentionConstant: Constant;
  /** Undefined if it went. */
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
  const { attention, mlp } = wholeBlock(model, layer);
  const { rows } = replacements;
  const kept = new Set(keptHeads(circuit, layer));
  const heads = attention.heads.filter((head) => kept.has(head));
  const gone = attention.heads.filter((head) => !kept.has(head));
  const bias = await outputBias(attention, model.width, rows);
  return {
    heads,
    attention: heads.length === 0 ? undefined : keepHeads(attention, heads),
    attentionConstant: addConstants(bias, ...gone.map((head) => replacements.head(layer, head))),
    mlp: keepsMlp(circuit, layer) ? mlp : undefined,
    mlpConstant: keepsMlp(circuit, layer) ? await downBias(mlp, model.width, rows) : replacements.mlp(layer),
  };
}

/** The gates with which `forward` runs the original so that it is the circuit. */
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
