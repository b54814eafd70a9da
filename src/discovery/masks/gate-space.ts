/**
 * The candidates of a search by gates: units of components (a head, a neuron, an MLP, or several that go together),
 * each with one number of a mask and with its cost in weights. A mask of ones is the whole model; a mask of zeros and
 * ones is a circuit.
 */
import { type Circuit, keeps, wholeCircuit, without } from "../../transformer/circuit.ts";
import { bodySize, circuitSize, freedSize } from "../../transformer/circuit-size.ts";
import { type Component, neuronsOfLayer, shapeOf } from "../../transformer/component.ts";
import {
  type GateKind,
  type GateShape,
  type GateValues,
  gateKinds,
  gateShapeOf,
  uniformGates,
} from "../../transformer/gates.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type SearchUnit, type SearchUnits, unitsOnTrial } from "../search-units.ts";

/** One number for each unit of a space: 1 keeps it, 0 replaces it. */
export type Mask = Float64Array;

export interface GateSpace {
  readonly model: Transformer;
  readonly shape: GateShape;
  /** The kinds of gates that have a candidate. */
  readonly kinds: readonly GateKind[];
  readonly units: readonly SearchUnit[];
  /**
   * What each unit costs in weights. Weights that several heads share (keys and values of grouped queries) are divided
   * among them, so that the costs of all candidates add up to what goes with all of them.
   */
  readonly costs: Float64Array;
  /** The weights of the original's body. */
  readonly body: number;
  /** Those of them that stay whatever a mask says: no candidate has them. */
  readonly fixed: number;
}

/** @param mlps whether MLPs, or their neurons, are candidates. */
export function gateSpaceOf(
  model: Transformer,
  { units, mlps }: { readonly units: SearchUnits; readonly mlps: boolean },
): GateSpace {
  const shape = gateShapeOf(model);
  const all = unitsOnTrial(model, { units, mlps, order: "published" }).toSorted(
    ([one], [other]) => (one?.layer ?? 0) - (other?.layer ?? 0),
  );
  const split = units.splitsMlps ? all.flatMap((unit) => splitMlps(unit, shape)) : all;
  const costOf = componentCosts(model);
  const costs = Float64Array.from(split, (unit) =>
    unit.reduce((sum, component) => sum + costOf(component), 0),
  );
  const body = bodySize(model);
  const kinds = new Set(split.flatMap((unit) => unit.map(({ kind }) => gateKindOf[kind])));
  return {
    model,
    shape,
    kinds: gateKinds.filter((kind) => kinds.has(kind)),
    ...{ units: split, costs, body },
    fixed: body - costs.reduce((sum, cost) => sum + cost, 0),
  };
}

const gateKindOf: Readonly<Record<Component["kind"], GateKind>> = {
  head: "heads",
  mlp: "mlps",
  neuron: "neurons",
};

/** The neurons of an MLP, each by itself, in its place. */
function splitMlps(unit: SearchUnit, { neurons }: GateShape): readonly SearchUnit[] {
  return unit.flatMap((component): readonly SearchUnit[] => {
    if (component.kind !== "mlp") return [[component]];
    const { layer } = component;
    return neuronsOfLayer(layer, neurons[layer] ?? 0).map((neuron) => [neuron]);
  });
}

function componentCosts(model: Transformer): (component: Component) => number {
  const shape = shapeOf(model);
  const whole = wholeCircuit(shape);
  const { neurons } = gateShapeOf(model);
  const layers = shape.map(({ heads }, layer) => {
    const ofHeads = heads.map((head): Component => ({ kind: "head", layer, head }));
    const alone = ofHeads.map((head) => freedSize(model, whole, head));
    const together = circuitSize(model, whole) - circuitSize(model, without(whole, ofHeads, shape));
    const shared = (together - alone.reduce((sum, size) => sum + size, 0)) / heads.length;
    const mlp = freedSize(model, whole, { kind: "mlp", layer });
    return { heads: alone.map((size) => size + shared), mlp, neuron: mlp / (neurons[layer] ?? 1) };
  });
  return (component) => {
    const here = layers[component.layer];
    switch (component.kind) {
      case "head":
        return here?.heads[component.head] ?? 0;
      case "mlp":
        return here?.mlp ?? 0;
      case "neuron":
        return here?.neuron ?? 0;
    }
  };
}

/** The gates of a mask; what is no candidate is kept. An MLP of which no neuron is left is closed as a whole. */
export function gatesOfMask({ shape, units, kinds }: GateSpace, mask: Mask): GateValues {
  const gates = uniformGates(shape, 1);
  for (const [at, unit] of units.entries())
    for (const component of unit) setGate(gates, component, mask[at] ?? 0);
  if (kinds.includes("neurons")) {
    for (const [layer, own] of gates.neurons.entries())
      if (own.every((gate) => gate === 0)) gates.mlps[layer] = 0;
  }
  return gates;
}

function setGate(gates: GateValues, component: Component, value: number): void {
  const [values, at] = placeOf(gates, component);
  values[at] = value;
}

function placeOf(gates: Partial<GateValues>, component: Component): readonly [Float64Array, number] {
  const nothing = new Float64Array();
  switch (component.kind) {
    case "head":
      return [gates.heads?.[component.layer] ?? nothing, component.head];
    case "mlp":
      return [gates.mlps ?? nothing, component.layer];
    case "neuron":
      return [gates.neurons?.[component.layer] ?? nothing, component.neuron];
  }
}

/** A value for each unit from values for each gate: the sum over the unit's components. */
export function unitValues({ units }: GateSpace, values: Partial<GateValues>): Float64Array {
  return Float64Array.from(units, (unit) =>
    unit.reduce((sum, component) => {
      const [own, at] = placeOf(values, component);
      return sum + (own[at] ?? 0);
    }, 0),
  );
}

/** The circuit of a mask of zeros and ones; what is no candidate stays. */
export function circuitOfMask({ model, units }: GateSpace, mask: Mask): Circuit {
  const shape = shapeOf(model);
  return without(wholeCircuit(shape), units.filter((_, at) => mask[at] === 0).flat(), shape);
}

/** The mask of a circuit: what it keeps of the candidates. */
export function maskOfCircuit({ units }: Pick<GateSpace, "units">, circuit: Circuit): Mask {
  return Float64Array.from(units, (unit) => Number(unit.some((component) => keeps(circuit, component))));
}

/** The weights of the candidates that a mask keeps, as `costs` counts them. */
export function maskedCost({ costs }: Pick<GateSpace, "costs">, mask: Mask): number {
  return costs.reduce((sum, cost, at) => sum + cost * (mask[at] ?? 0), 0);
}
