/**
 * A circuit is the set of components that stay. The type is opaque: only this module knows how the set is stored;
 * other code uses its functions. Still, the value is plain data, so that it can be cloned, sent to a worker and
 * compared field by field: equal sets are equal values.
 *
 * The set is stored by layer. Reading one layer's part is fast however many components a model has, and layers
 * without kept components take no memory, whatever numbers a file gives them.
 *
 * An MLP all of whose neurons stay is stored as an MLP, without a list of them. Lists alone do not say how many
 * neurons there are; so functions that may meet such an MLP take the model's shape.
 */
import {
  type Component,
  type ComponentKind,
  componentsOfLayer,
  headNumber,
  indicesBelow,
  type LayerComponents,
  layerHas,
  type ModelShape,
  nameInModel,
} from "./component.ts";
import { formatIndices } from "./index-runs.ts";

declare const circuitBrand: unique symbol;

/**
 * The set of components that stay. Use these functions to make and read it: {@link circuitOf}, {@link
 * circuitOfLists}, {@link listsOf}, {@link componentsOf}, {@link keeps}.
 */
export interface Circuit {
  /** Marks the type; no value has it. @internal */
  readonly [circuitBrand]: "circuit";
}

/** A circuit as lists, all ascending and without duplicates: a form for files and for reading. */
export interface CircuitLists {
  /** The heads that stay, [layer, head], both counted from 0. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  /** The layers whose MLP stays, whole or in part. */
  readonly mlps: readonly number[];
  /**
   * The neurons that stay of MLPs that stay in part, [layer, its neurons], counted from 0. An MLP without an entry is
   * whole. Left out: all are.
   */
  readonly neurons?: readonly (readonly [layer: number, neurons: readonly number[]])[];
}

/** The kept components of a layer; at least one. */
interface KeptComponents extends LayerComponents {
  readonly layer: number;
}

/** The stored form of a circuit: layers ascending, each once. */
interface CircuitData {
  readonly layers: readonly KeptComponents[];
}

const dataOf = (circuit: Circuit): CircuitData => circuit as Circuit & CircuitData;

/**
 * The circuit of these components, in any order; duplicates count once, and so does a neuron of an MLP that is among
 * them.
 * @param shape of the model: with it, neurons that are all of their MLP's are that MLP.
 */
export function circuitOf(components: Iterable<Component>, shape?: ModelShape): Circuit {
  const byLayer = new Map<number, Component[]>();
  for (const component of components) {
    const here = byLayer.get(component.layer);
    if (here === undefined) byLayer.set(component.layer, [component]);
    else here.push(component);
  }
  return circuitFrom([...byLayer].map(([layer, here]) => gather(layer, here, shape)));
}

function gather(
  layer: number,
  components: readonly Component[],
  shape: ModelShape | undefined,
): KeptComponents {
  const heads: number[] = [];
  const neurons: number[] = [];
  let mlp = false;
  for (const component of components) {
    switch (component.kind) {
      case "head":
        heads.push(component.head);
        break;
      case "mlp":
        mlp = true;
        break;
      case "neuron":
        neurons.push(component.neuron);
        break;
      default:
        component satisfies never;
    }
  }
  return keptComponents(layer, ascending(heads), mlp ? "all" : ascending(neurons), shape);
}

/** Sorts indices; each comes once. Lists of neurons are long, and mostly sorted already. */
function ascending(indices: readonly number[]): readonly number[] {
  const isAscending = indices.every((index, at) => at === 0 || (indices[at - 1] as number) < index);
  return isAscending ? [...indices] : [...new Set(indices)].sort((one, other) => one - other);
}

/** The kept components of a layer in their one form. @param neurons ascending. */
function keptComponents(
  layer: number,
  heads: readonly number[],
  neurons: readonly number[] | "all",
  shape: ModelShape | undefined,
): KeptComponents {
  if (neurons === "all" || (neurons.length > 0 && neurons.length === shape?.[layer]?.hidden))
    return { layer, heads, mlp: true };
  return neurons.length === 0 ? { layer, heads, mlp: false } : { layer, heads, mlp: true, neurons };
}

/** @param layers in any order, each once; those that keep nothing are left out. */
function circuitFrom(layers: readonly KeptComponents[]): Circuit {
  const data: CircuitData = {
    layers: layers
      .filter(({ heads, mlp }) => heads.length > 0 || mlp)
      .sort((one, other) => one.layer - other.layer),
  };
  return data as CircuitData & Circuit;
}

/**
 * The circuit of these lists, in any order. A list of neurons says what stays of its layer's MLP, whether `mlps` has the
 * layer or not; of an empty list, nothing stays.
 * @param shape of the model: with it, neurons that are all of their MLP's are that MLP.
 * @example
 * ```ts
 * const circuit = circuitOfLists({ heads: [[5, 4]], mlps: [0, 1], neurons: [[1, [17, 40]]] });
 * ```
 */
export function circuitOfLists({ heads, mlps, neurons = [] }: CircuitLists, shape?: ModelShape): Circuit {
  const inPart = new Map(neurons);
  const whole = circuitOf([
    ...heads.map(([layer, head]): Component => ({ kind: "head", layer, head })),
    ...mlps.filter((layer) => !inPart.has(layer)).map((layer): Component => ({ kind: "mlp", layer })),
  ]);
  // No component is made for each neuron: a file may list millions.
  const others = [...inPart].map(([layer, own]) => keptComponents(layer, [], ascending(own), shape));
  return unionOf([whole, circuitFrom(others)], shape);
}

/** The circuit that keeps all components of a model. */
export function wholeCircuit(shape: ModelShape): Circuit {
  return circuitFrom(shape.map(({ heads, mlp }, layer) => ({ layer, heads: [...heads], mlp })));
}

/** The circuit as lists, for files. */
export function listsOf(circuit: Circuit): {
  /** The heads that stay, [layer, head], ascending. */
  heads: [layer: number, head: number][];
  /** The layers whose MLP stays, whole or in part, ascending. */
  mlps: number[];
  /** The neurons that stay of MLPs that stay in part, ascending; left out where there is no such MLP. */
  neurons?: [layer: number, neurons: number[]][];
} {
  const { layers } = dataOf(circuit);
  const neurons = layers.flatMap(({ layer, neurons: own }): [number, number[]][] =>
    own === undefined ? [] : [[layer, [...own]]],
  );
  return {
    heads: layers.flatMap(({ layer, heads }) => heads.map((head): [number, number] => [layer, head])),
    mlps: layers.filter(({ mlp }) => mlp).map(({ layer }) => layer),
    ...(neurons.length > 0 && { neurons }),
  };
}

/** The kept components in the order of computing; an MLP that stays in part is its neurons. */
export function componentsOf(circuit: Circuit): readonly Component[] {
  return dataOf(circuit).layers.flatMap((kept) => componentsOfLayer(kept.layer, kept));
}

/** The layers in which something stays, ascending. */
export function keptLayers(circuit: Circuit): readonly number[] {
  return dataOf(circuit).layers.map(({ layer }) => layer);
}

function keptOf(circuit: Circuit, layer: number): LayerComponents {
  return dataOf(circuit).layers.find((kept) => kept.layer === layer) ?? { heads: [], mlp: false };
}

/** The heads that stay in a layer: their indices in the original layer, ascending. */
export function keptHeads(circuit: Circuit, layer: number): readonly number[] {
  return keptOf(circuit, layer).heads;
}

/** Whether a layer's MLP stays, whole or in part. */
export function keepsMlp(circuit: Circuit, layer: number): boolean {
  return keptOf(circuit, layer).mlp;
}

/**
 * The neurons that stay in a layer: their indices in the original layer, ascending, or "all"; none where the MLP does
 * not stay.
 */
export function keptNeurons(circuit: Circuit, layer: number): readonly number[] | "all" {
  return neuronsOf(keptOf(circuit, layer));
}

const neuronsOf = ({ mlp, neurons }: LayerComponents): readonly number[] | "all" =>
  mlp ? (neurons ?? "all") : [];

/** Whether a component stays; an MLP stays if some of it does. */
export function keeps(circuit: Circuit, component: Component): boolean {
  return layerHas(keptOf(circuit, component.layer), component);
}

/**
 * The circuit without some components; those that it does not keep are ignored.
 * @param shape of the model.
 * @throws RangeError where neurons of a whole MLP are to go and the shape does not say how many it has.
 */
export function without(circuit: Circuit, components: Iterable<Component>, shape?: ModelShape): Circuit {
  const gone = new Map(dataOf(circuitOf(components)).layers.map((here) => [here.layer, here]));
  return circuitFrom(
    dataOf(circuit).layers.map((kept) => {
      const here = gone.get(kept.layer);
      return here === undefined ? kept : less(kept, here, shape);
    }),
  );
}

function less(kept: KeptComponents, gone: LayerComponents, shape: ModelShape | undefined): KeptComponents {
  const { layer } = kept;
  const heads = leftOf(kept.heads, gone.heads);
  if (!kept.mlp || !gone.mlp) return { ...kept, heads };
  if (gone.neurons === undefined) return { layer, heads, mlp: false };
  const neurons = leftOf(kept.neurons ?? allNeurons(layer, shape), gone.neurons);
  return keptComponents(layer, heads, neurons, shape);
}

function leftOf(kept: readonly number[], gone: readonly number[]): readonly number[] {
  const set = new Set(gone);
  return kept.filter((index) => !set.has(index));
}

function allNeurons(layer: number, shape: ModelShape | undefined): readonly number[] {
  const hidden = shape?.[layer]?.hidden;
  if (hidden === undefined) throw new RangeError(`it is not said how many neurons layer ${layer} has`);
  return indicesBelow(hidden);
}

/**
 * The circuit with additional components; those that it keeps already are ignored.
 * @param shape of the model: with it, neurons that are all of their MLP's are that MLP.
 */
export function withComponents(
  circuit: Circuit,
  components: Iterable<Component>,
  shape?: ModelShape,
): Circuit {
  return unionOf([circuit, circuitOf(components)], shape);
}

/**
 * The components that at least one of the circuits keeps.
 * @param shape of the model: with it, neurons that are all of their MLP's are that MLP.
 */
export function unionOf(circuits: readonly Circuit[], shape?: ModelShape): Circuit {
  const byLayer = new Map<number, KeptComponents[]>();
  for (const kept of circuits.flatMap((circuit) => dataOf(circuit).layers)) {
    const here = byLayer.get(kept.layer);
    if (here === undefined) byLayer.set(kept.layer, [kept]);
    else here.push(kept);
  }
  return circuitFrom(
    [...byLayer].map(([layer, all]) => {
      const whole = all.some(({ mlp, neurons }) => mlp && neurons === undefined);
      const neurons = whole ? "all" : ascending(all.flatMap((kept) => kept.neurons ?? []));
      return keptComponents(layer, ascending(all.flatMap(({ heads }) => heads)), neurons, shape);
    }),
  );
}

/** Whether two circuits keep the same components. */
export function sameCircuit(one: Circuit, other: Circuit): boolean {
  return circuitKey(one) === circuitKey(other);
}

/**
 * A text that is equal for two circuits if, and only if, the circuits are equal: names separated by spaces.
 * Journals contain it, so its form must not change: heads come first and are written as "3.1"; whole MLPs have
 * their names in the model; the neurons of an MLP that stays in part come last, as "3.neurons.0-12,15".
 */
export function circuitKey(circuit: Circuit): string {
  const { layers } = dataOf(circuit);
  return [
    ...layers.flatMap(({ layer, heads }) => heads.map((head) => headNumber(layer, head))),
    ...layers.flatMap(({ layer, mlp, neurons }) =>
      mlp && neurons === undefined ? [nameInModel({ kind: "mlp", layer })] : [],
    ),
    ...layers.flatMap(({ layer, neurons }) =>
      neurons === undefined ? [] : [`${layer}.neurons.${formatIndices(neurons).replaceAll(" ", "")}`],
    ),
  ].join(" ");
}

/**
 * How many components of each kind stay: heads; MLPs, whole or in part; and the neurons of MLPs that stay in part.
 */
export function countKept(circuit: Circuit): Readonly<Record<ComponentKind, number>> {
  const counts: Record<ComponentKind, number> = { head: 0, mlp: 0, neuron: 0 };
  for (const { heads, mlp, neurons } of dataOf(circuit).layers) {
    counts.head += heads.length;
    counts.mlp += Number(mlp);
    counts.neuron += neurons?.length ?? 0;
  }
  return counts;
}

/** How many heads and MLPs stay; an MLP that stays in part counts once. */
export function countComponents(circuit: Circuit): number {
  const { head, mlp } = countKept(circuit);
  return head + mlp;
}
