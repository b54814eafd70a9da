/** Functions for removing components of a circuit by hand, and for adding them. */

import type { CellComponent } from "../../src/report/layer-cells.ts";
import {
  type Circuit,
  circuitOf,
  componentsOf,
  keeps,
  keptLayers,
  keptNeurons,
  listsOf,
  withComponents,
  without,
} from "../../src/transformer/circuit.ts";
import type { Component, ModelShape } from "../../src/transformer/component.ts";

/** How many heads and MLPs are not the same in the two circuits; of an MLP, any neurons. */
export function differences(one: Circuit, other: Circuit): number {
  const onlyHeads = (these: Circuit, those: Circuit) =>
    listsOf(these).heads.filter(([layer, head]) => !keeps(those, { kind: "head", layer, head })).length;
  const layers = new Set([...keptLayers(one), ...keptLayers(other)]);
  const mlps = [...layers].filter((layer) => !sameMlp(one, other, layer)).length;
  return onlyHeads(one, other) + onlyHeads(other, one) + mlps;
}

/** Whether the same of a layer's MLP stays in both circuits. */
export function sameMlp(one: Circuit, other: Circuit, layer: number): boolean {
  return String(keptNeurons(one, layer)) === String(keptNeurons(other, layer));
}

/**
 * The circuit without the component if it has it, else with it.
 * @param own the circuit that was found: what it keeps of an MLP is what is put back.
 */
export function toggled(circuit: Circuit, component: CellComponent, own: Circuit): Circuit {
  if (keeps(circuit, component)) return without(circuit, [component]);
  const found = keeps(own, component) ? partOf(own, component) : [];
  return withComponents(circuit, found.length === 0 ? [component] : found);
}

/** The neurons that stay of an MLP that stays in part; of any other component, itself. */
function partOf(own: Circuit, component: CellComponent): readonly Component[] {
  if (component.kind === "head") return [component];
  return componentsOf(own).filter(({ kind, layer }) => kind !== "head" && layer === component.layer);
}

/** The circuit with these neurons of a layer instead of those that it keeps. @param neurons ascending. */
export function withNeurons(
  circuit: Circuit,
  layer: number,
  neurons: readonly number[],
  shape: ModelShape,
): Circuit {
  const own = neurons.map((neuron): Component => ({ kind: "neuron", layer, neuron }));
  return withComponents(without(circuit, [{ kind: "mlp", layer }]), componentsOf(circuitOf(own, shape)));
}
