/**
 * The patched model: the original's weights, with replacements switched in for pruned components. Standalone
 * models are verified against it, so it shares no code with the surgery that makes them.
 */
import { addConstants } from "../discovery/constant.ts";
import { downBias, type LayerGates, neuronGates, outputBias, wholeBlock } from "../discovery/forward.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { type HeadCut, withCutWrites, writtenByMeans } from "./head-cut.ts";

/** The gates with which `forward` runs the patched model. @param model an original model. */
export function patchedGates(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
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
    return {
      heads,
      mlp: keepsMlp(circuit, layer),
      attentionConstant,
      mlpConstant: keepsMlp(circuit, layer)
        ? await downBias(mlp, model.width, replacements.rows)
        : replacements.mlp(layer),
      ...(neurons !== "all" &&
        neurons.length > 0 && { neurons: neuronGates(neurons, replacements.neurons(layer)) }),
    };
  };
}

/**
 * The patched model of a circuit whose kept heads are cut to a lower rank: in the whole width, W_O is what the cut leaves
 * of it, and what the means wrote in the directions that are gone stands beside b_O.
 * @param cut left out: heads are whole.
 */
export function patchedCut(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  cut: HeadCut = new Map(),
): { readonly model: Transformer; readonly gates: (layer: number) => Promise<LayerGates> } {
  const gatesOf = patchedGates(model, circuit, replacements);
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
