/**
 * The patched model: the original's weights, with replacements switched in for pruned components. Standalone
 * models are verified against it, so it shares no code with the surgery that makes them.
 */
import { addConstants } from "../discovery/constant.ts";
import { downBias, type LayerGates, neuronGates, outputBias, wholeBlock } from "../discovery/forward.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";

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
