/**
 * A circuit is the set of components that stay. The type is opaque: only this module knows how the set is stored;
 * other code uses its functions. Still, the value is plain data, so that it can be cloned, sent to a worker and
 * compared field by field: equal sets are equal values.
 *
 * The set is stored by layer. Reading one layer's part is fast however many components a model has, and layers
 * without kept components take no memory, whatever numbers a file gives them.
 */
import {
  type Component,
  type ComponentKind,
  compareComponents,
  componentKinds,
  componentsOfLayer,
  headNumber,
  type LayerComponents,
  layerHas,
  type ModelShape,
  nameInModel,
} from "./component.ts";

declare const circuitBrand: unique symbol;

/**
 * The set of components that stay. Use these functions to make and read it: {@link circuitOf}, {@link
 * circuitOfLists}, {@link listsOf}, {@link componentsOf}, {@link keeps}.
 */
export interface Circuit {
  /** Marks the type; no value has it. @internal */
  readonly [circuitBrand]: "circuit";
}

/** A circuit as lists, both ascending and without duplicates: a form for files and for reading. */
export interface CircuitLists {
  /** The heads that stay, [layer, head], both counted from 0. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  /** The layers whose MLP stays. */
  readonly mlps: readonly number[];
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
const circuitFrom = (data: CircuitData): Circuit => data as CircuitData & Circuit;

/** The circuit of these components, in any order; duplicates count once. */
export function circuitOf(components: Iterable<Component>): Circuit {
  const byLayer = new Map<number, Component[]>();
  for (const component of components) {
    const here = byLayer.get(component.layer);
    if (here === undefined) byLayer.set(component.layer, [component]);
    else here.push(component);
  }
  const layers = [...byLayer].map(([layer, here]) => gather(layer, here));
  return circuitFrom({ layers: layers.sort((one, other) => one.layer - other.layer) });
}

function gather(layer: number, components: readonly Component[]): KeptComponents {
  const heads = new Set<number>();
  let mlp = false;
  for (const component of components) {
    switch (component.kind) {
      case "head":
        heads.add(component.head);
        break;
      case "mlp":
        mlp = true;
        break;
      default:
        component satisfies never;
    }
  }
  return { layer, heads: [...heads].sort((one, other) => one - other), mlp };
}

/**
 * The circuit of these lists, in any order.
 * @example
 * ```ts
 * const circuit = circuitOfLists({ heads: [[5, 4]], mlps: [0] });
 * ```
 */
export function circuitOfLists({ heads, mlps }: CircuitLists): Circuit {
  return circuitOf([
    ...heads.map(([layer, head]): Component => ({ kind: "head", layer, head })),
    ...mlps.map((layer): Component => ({ kind: "mlp", layer })),
  ]);
}

/** The circuit that keeps all components of a model. */
export function wholeCircuit(shape: ModelShape): Circuit {
  return circuitFrom({
    layers: shape
      .map(({ heads, mlp }, layer) => ({ layer, heads: [...heads], mlp }))
      .filter(({ heads, mlp }) => heads.length > 0 || mlp),
  });
}

/** The circuit as lists, for files. */
export function listsOf(circuit: Circuit): {
  /** The heads that stay, [layer, head], ascending. */
  heads: [layer: number, head: number][];
  /** The layers whose MLP stays, ascending. */
  mlps: number[];
} {
  const { layers } = dataOf(circuit);
  return {
    heads: layers.flatMap(({ layer, heads }) => heads.map((head): [number, number] => [layer, head])),
    mlps: layers.filter(({ mlp }) => mlp).map(({ layer }) => layer),
  };
}

/** The kept components in the order of computing. */
export function componentsOf(circuit: Circuit): readonly Component[] {
  return dataOf(circuit).layers.flatMap((kept) => componentsOfLayer(kept.layer, kept));
}

function keptOf(circuit: Circuit, layer: number): LayerComponents {
  return dataOf(circuit).layers.find((kept) => kept.layer === layer) ?? { heads: [], mlp: false };
}

/** The heads that stay in a layer: their indices in the original layer, ascending. */
export function keptHeads(circuit: Circuit, layer: number): readonly number[] {
  return keptOf(circuit, layer).heads;
}

/** Whether a layer's MLP stays. */
export function keepsMlp(circuit: Circuit, layer: number): boolean {
  return keptOf(circuit, layer).mlp;
}

/** Whether a component stays. */
export function keeps(circuit: Circuit, component: Component): boolean {
  return layerHas(keptOf(circuit, component.layer), component);
}

/** The circuit without some components; those that it does not keep are ignored. */
export function without(circuit: Circuit, components: Iterable<Component>): Circuit {
  const gone = new Map(dataOf(circuitOf(components)).layers.map((here) => [here.layer, here]));
  const layers = dataOf(circuit).layers.map((kept) => {
    const here = gone.get(kept.layer);
    return here === undefined ? kept : less(kept, here);
  });
  return circuitFrom({ layers: layers.filter(({ heads, mlp }) => heads.length > 0 || mlp) });
}

function less(kept: KeptComponents, gone: LayerComponents): KeptComponents {
  const heads = new Set(gone.heads);
  return {
    layer: kept.layer,
    heads: kept.heads.filter((head) => !heads.has(head)),
    mlp: kept.mlp && !gone.mlp,
  };
}

/** The circuit with additional components; those that it keeps already are ignored. */
export function withComponents(circuit: Circuit, components: Iterable<Component>): Circuit {
  return circuitOf([...componentsOf(circuit), ...components]);
}

/** The components that at least one of the circuits keeps. */
export function unionOf(circuits: readonly Circuit[]): Circuit {
  return circuitOf(circuits.flatMap(componentsOf));
}

/** Whether two circuits keep the same components. */
export function sameCircuit(one: Circuit, other: Circuit): boolean {
  return circuitKey(one) === circuitKey(other);
}

/**
 * A text that is equal for two circuits if, and only if, the circuits are equal: names separated by spaces.
 * Journals contain it, so its form must not change: heads come first and are written as "3.1"; all others have
 * their names in the model.
 */
export function circuitKey(circuit: Circuit): string {
  return [...componentsOf(circuit)]
    .sort((one, other) => {
      const byKind = componentKinds.indexOf(one.kind) - componentKinds.indexOf(other.kind);
      return byKind || compareComponents(one, other);
    })
    .map(keyPart)
    .join(" ");
}

function keyPart(component: Component): string {
  switch (component.kind) {
    case "head":
      return headNumber(component.layer, component.head);
    case "mlp":
      return nameInModel(component);
  }
}

/** How many components of each kind stay. */
export function countKept(circuit: Circuit): Readonly<Record<ComponentKind, number>> {
  const counts: Record<ComponentKind, number> = { head: 0, mlp: 0 };
  for (const { heads, mlp } of dataOf(circuit).layers) {
    counts.head += heads.length;
    counts.mlp += Number(mlp);
  }
  return counts;
}

/** How many components stay, of all kinds. */
export function countComponents(circuit: Circuit): number {
  return Object.values(countKept(circuit)).reduce((sum, count) => sum + count, 0);
}
