/**
 * Random circuits of a circuit's size, with which it is compared (Shi et al. 2024, arXiv:2410.13032, compare with
 * random circuits of equally many components; equal weights are the stricter choice). A random circuit keeps as many
 * heads and as many MLPs, or neurons, as the given one, drawn from all that the search could have pruned, so it has the
 * same size. Where heads share keys and values, as many heads may weigh less: then further ones are added, so that no
 * random circuit has a disadvantage.
 */
import type { Random } from "../tasks/random.ts";
import {
  type Circuit,
  circuitOf,
  componentsOf,
  keptNeurons,
  withComponents,
} from "../transformer/circuit.ts";
import { circuitSize } from "../transformer/circuit-size.ts";
import {
  type Component,
  type ComponentKind,
  componentsOfModel,
  type ModelShape,
  neuronsOfLayer,
  shapeOf,
} from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";

/**
 * @param model the original. @param onTrial the kinds of components that could be pruned; others stay as they are. If
 * neurons could, whole MLPs count as their neurons.
 * @returns a circuit at least as large as `circuit`.
 */
export function randomCircuitLike(
  model: Transformer,
  circuit: Circuit,
  onTrial: readonly ComponentKind[],
  random: Random,
): Circuit {
  const shape = shapeOf(model);
  const all = componentsOfModel(shape);
  const kept = componentsOf(circuit);
  const ofKind = (components: readonly Component[], kind: ComponentKind) =>
    components.filter((component) => component.kind === kind);
  const heads = ofKind(kept, "head");
  const shuffled = onTrial.includes("head") ? random.shuffled(ofKind(all, "head")) : heads;
  const mlps = onTrial.includes("neuron")
    ? random.shuffled(neuronsOf(shape)).slice(0, countNeurons(circuit, shape))
    : onTrial.includes("mlp")
      ? random.shuffled(ofKind(all, "mlp")).slice(0, ofKind(kept, "mlp").length)
      : kept.filter(({ kind }) => kind !== "head");
  const size = circuitSize(model, circuit);
  let made = circuitOf([...shuffled.slice(0, heads.length), ...mlps], shape);
  for (const head of shuffled.slice(heads.length)) {
    if (circuitSize(model, made) >= size) break;
    made = withComponents(made, [head], shape);
  }
  return made;
}

/** All neurons of a model. */
function neuronsOf(shape: ModelShape): readonly Component[] {
  return shape.flatMap(({ hidden = 0 }, layer) => neuronsOfLayer(layer, hidden));
}

/** How many neurons a circuit keeps, those of whole MLPs included. */
function countNeurons(circuit: Circuit, shape: ModelShape): number {
  return shape.reduce((sum, { hidden = 0 }, layer) => {
    const kept = keptNeurons(circuit, layer);
    return sum + (kept === "all" ? hidden : kept.length);
  }, 0);
}
