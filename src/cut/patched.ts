/**
 * The patched model: the original's weights, with replacements switched in for pruned components. Standalone
 * models are verified against it, so it shares no code with the surgery that makes them.
 */
import { addConstants, constantFromVector } from "../discovery/constant.ts";
import { downBias, type LayerGates, neuronGates, outputBias, wholeBlock } from "../discovery/forward.ts";
import type { StreamConstants } from "../discovery/gates/gate-passes.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { type HeadCut, withCutWrites, writtenByMeans } from "./head-cut.ts";

/**
 * The gates with which `forward` runs the patched model.
 * @param model an original model. @param added vectors that join the stream beside the replacements; left out: none.
 */
export function patchedGates(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  added?: StreamConstants,
): (layer: number) => Promise<LayerGates> {
  return async (layer) => {
    const { attention, mlp } = wholeBlock(model, layer);
    const kept = keptHeads(circuit, layer);
    const neurons = keptNeurons(circuit, layer);
    const isKept = (head: number) => kept.includes(head);
    const heads = attention.heads.map(isKept);
    let attentionConstant = await outputBias(attention, model.width, replacements.rows);
    for (const head of attention.heads) {
      if (!isKept(head)) attentionConstant = addConstants(attentionConstant, replacements.head(layer, head));
    }
    const mlpConstant = keepsMlp(circuit, layer)
      ? await downBias(mlp, model.width, replacements.rows)
      : replacements.mlp(layer);
    const [afterHeads, afterMlp] = [added?.heads[layer], added?.mlps[layer]];
    return {
      heads,
      mlp: keepsMlp(circuit, layer),
      attentionConstant,
      // It joins behind every norm, and so does a vector after the MLP.
      mlpConstant: afterMlp
        ? addConstants(mlpConstant, constantFromVector(afterMlp, replacements.rows))
        : mlpConstant,
      ...(afterHeads && { afterHeads }),
      ...(neurons !== "all" &&
        neurons.length > 0 && { neurons: neuronGates(neurons, replacements.neurons(layer)) }),
    };
  };
}

/**
 * The patched model of a circuit whose kept heads are cut to a lower rank: in the whole width, W_O is what the cut leaves
 * of it, and what the means wrote in the directions that are gone stands beside b_O.
 * @param cut left out: heads are whole. @param added vectors that join the stream beside the replacements; left out: none.
 */
export function patchedCut(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  cut: HeadCut = new Map(),
  added?: StreamConstants,
): { readonly model: Transformer; readonly gates: (layer: number) => Promise<LayerGates> } {
  const gatesOf = patchedGates(model, circuit, replacements, added);
  return {
    model: withCutWrites(model, cut),
    async gates(layer) {
      const gates = await gatesOf(layer);
      const [own, values] = [cut.get(layer), replacements.headValues(layer)];
      if (own === undefined || values === undefined) return gates;
      const { attention } = wholeBlock(model, layer);
      const gone = await writtenByMeans(attention, own, values);
      return { ...gates, attentionConstant: addConstants(gates.attentionConstant, gone) };
    },
  };
}
