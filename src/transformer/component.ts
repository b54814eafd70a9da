/**
 * A component is what a search keeps or prunes as a whole: one attention head, one MLP (paper, section 2), or one
 * neuron of an MLP. It is a sum type, so that further kinds can be added: all code that distinguishes kinds is a
 * switch over `kind`, or a record with an entry for each, and the compiler reports where a new kind is missing.
 *
 * An MLP is the set of its neurons. So where all of them stay, the component is the MLP; where some stay, the
 * components are those neurons; and where none stays, the MLP is pruned.
 *
 * Only this module knows how components are named, titled, parsed, ordered and listed.
 */
import { linearShape } from "./linear.ts";
import type { Transformer } from "./transformer.ts";

/** What a search keeps or prunes as a whole: one attention head, the MLP of a layer, or one neuron of it. */
export type Component =
  | {
      /** An attention head. */
      readonly kind: "head";
      /** Its layer, counted from 0. */
      readonly layer: number;
      /** Its number in the layer, counted from 0. */
      readonly head: number;
    }
  | {
      /** The MLP of a layer: all of its neurons. */
      readonly kind: "mlp";
      /** Its layer, counted from 0. */
      readonly layer: number;
    }
  | {
      /** A neuron of an MLP: a column of W_up (and of W_gate), and a row of W_down. */
      readonly kind: "neuron";
      /** Its layer, counted from 0. */
      readonly layer: number;
      /** Its number in the layer, counted from 0. */
      readonly neuron: number;
    };

/** The kinds of components. */
export type ComponentKind = Component["kind"];

/** The noun for each kind, in the order in which a layer computes them. */
export const kindNouns: Readonly<Record<ComponentKind, string>> = {
  head: "head",
  mlp: "MLP",
  neuron: "neuron",
};

/** All kinds, in the order in which a layer computes them. */
export const componentKinds: readonly ComponentKind[] = Object.keys(kindNouns) as ComponentKind[];

/** A component as traces and journals write it: its layer, and its name within the layer. */
export interface ComponentRecord {
  /** The layer, counted from 0. */
  readonly layer: number;
  /** The component within its layer: "head.3", "mlp" or "neuron.17". */
  readonly component: string;
}

/** The components of one layer: of a model, all that it has; of a circuit, those that stay. */
export interface LayerComponents {
  /** Indices in the original layer, ascending. */
  readonly heads: readonly number[];
  /** Whether the layer's MLP is among them, whole or in part. */
  readonly mlp: boolean;
  /**
   * The neurons that stay where `mlp` is true and some, not all, of them do: indices in the original layer,
   * ascending. Left out: all neurons of the MLP.
   */
  readonly neurons?: readonly number[];
}

/** The components of a layer of a model. */
export interface LayerShape extends LayerComponents {
  /** How many neurons the MLP has; left out where that is not known. */
  readonly hidden?: number;
}

/** The components of a model, layer by layer. */
export type ModelShape = readonly LayerShape[];

/**
 * Which components of a layer are tried first. "published": heads from 0 up, then the MLP, as in the paper's
 * code. "downstream": the MLP, then the heads, the exact reverse of the order of computing.
 */
export type Order = "published" | "downstream";

/** The components of a model, layer by layer. */
export function shapeOf(model: Transformer): ModelShape {
  return model.blocks.map(({ attention, mlp }) => ({
    heads: attention?.heads ?? [],
    mlp: mlp !== undefined,
    ...(mlp && { hidden: linearShape(mlp.up)[1] }),
  }));
}

/** The shape of an original model from the number of heads, and of neurons where known, of each layer. */
export function shapeOfHeadCounts(
  headCounts: readonly number[],
  neuronCounts: readonly number[] = [],
): ModelShape {
  return headCounts.map((count, layer) => {
    const hidden = neuronCounts[layer];
    return { heads: indicesBelow(count), mlp: true, ...(hidden !== undefined && { hidden }) };
  });
}

/** 0, 1, 2 … below a number. */
export function indicesBelow(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** How many heads each layer has. */
export function headCountsOf(model: Transformer): readonly number[] {
  return shapeOf(model).map(({ heads }) => heads.length);
}

/** How many neurons each layer has. */
export function neuronCountsOf(model: Transformer): readonly number[] {
  return shapeOf(model).map(({ hidden = 0 }) => hidden);
}

/** The component's name within its layer, as traces write it: "head.3", "mlp", "neuron.17". */
export function nameInLayer(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head.${component.head}`;
    case "mlp":
      return "mlp";
    case "neuron":
      return `neuron.${component.neuron}`;
  }
}

/** The component's name in the whole model: "3.head.1", "3.mlp", "3.neuron.17". */
export function nameInModel(component: Component): string {
  return nameOfRecord(recordOf(component));
}

/** A head's number in the whole model: "3.1". */
export function headNumber(layer: number, head: number): string {
  return `${layer}.${head}`;
}

/** The component's name for readers: "head 3.1", "MLP 3", "neuron 3.17". */
export function componentTitle(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head ${headNumber(component.layer, component.head)}`;
    case "mlp":
      return `MLP ${component.layer}`;
    case "neuron":
      return `neuron ${component.layer}.${component.neuron}`;
  }
}

/** The component in a sentence: "head 1 in layer 3", "MLP in layer 3", "neuron 17 in layer 3". */
export function componentInWords(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head ${component.head} in layer ${component.layer}`;
    case "mlp":
      return `MLP in layer ${component.layer}`;
    case "neuron":
      return `neuron ${component.neuron} in layer ${component.layer}`;
  }
}

export function recordOf(component: Component): ComponentRecord {
  return { layer: component.layer, component: nameInLayer(component) };
}

/** The name in the whole model of a record's component: "3.head.1", "3.mlp". */
export function nameOfRecord({ layer, component }: ComponentRecord): string {
  return `${layer}.${component}`;
}

/** @returns undefined if the record's name is not that of a component. */
export function parseRecord({ layer, component }: ComponentRecord): Component | undefined {
  for (const kind of componentKinds) {
    const found = parsers[kind](layer, component);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Each parser reads the names of one kind, as `nameInLayer` writes them. */
const parsers: Readonly<Record<ComponentKind, (layer: number, name: string) => Component | undefined>> = {
  head(layer, name) {
    const head = /^head\.(0|[1-9]\d*)$/.exec(name)?.[1];
    return head === undefined ? undefined : { kind: "head", layer, head: Number(head) };
  },
  mlp: (layer, name) => (name === "mlp" ? { kind: "mlp", layer } : undefined),
  neuron(layer, name) {
    const neuron = /^neuron\.(0|[1-9]\d*)$/.exec(name)?.[1];
    return neuron === undefined ? undefined : { kind: "neuron", layer, neuron: Number(neuron) };
  },
};

/** @throws RangeError if the record's name is not that of a component. */
export function componentOf(record: ComponentRecord): Component {
  const component = parseRecord(record);
  if (component === undefined) throw new RangeError(`"${record.component}" is no component's name`);
  return component;
}

/** @param name a component's name in the whole model. @returns undefined if it is not such a name. */
export function parseComponent(name: string): Component | undefined {
  const [, layer, component] = /^(0|[1-9]\d*)\.(.+)$/s.exec(name) ?? [];
  return component === undefined ? undefined : parseRecord({ layer: Number(layer), component });
}

/** Compares by the order of computing: by layer; within a layer heads come first, then the MLP or its neurons. @internal */
export function compareComponents(one: Component, other: Component): number {
  const byKind = componentKinds.indexOf(one.kind) - componentKinds.indexOf(other.kind);
  return one.layer - other.layer || byKind || indexOf(one) - indexOf(other);
}

/** The component's number among those of its kind in its layer. */
function indexOf(component: Component): number {
  switch (component.kind) {
    case "head":
      return component.head;
    case "mlp":
      return 0;
    case "neuron":
      return component.neuron;
  }
}

/** One layer's components in the order of computing: an MLP that stays in part is its neurons. */
export function componentsOfLayer(layer: number, parts: LayerComponents): readonly Component[] {
  return componentKinds.flatMap((kind) => componentsOfKind(kind, layer, parts));
}

function componentsOfKind(
  kind: ComponentKind,
  layer: number,
  { heads, mlp, neurons }: LayerComponents,
): readonly Component[] {
  switch (kind) {
    case "head":
      return heads.map((head) => ({ kind, layer, head }));
    case "mlp":
      return mlp && neurons === undefined ? [{ kind, layer }] : [];
    case "neuron":
      return (neurons ?? []).map((neuron) => ({ kind, layer, neuron }));
  }
}

/** Every neuron of a layer's MLP. @param count how many it has. */
export function neuronsOfLayer(layer: number, count: number): readonly Component[] {
  return indicesBelow(count).map((neuron) => ({ kind: "neuron", layer, neuron }));
}

/** Whether a layer's components include the given one of that layer; an MLP, if some of it is left. */
export function layerHas({ heads, mlp, neurons, hidden }: LayerShape, component: Component): boolean {
  switch (component.kind) {
    case "head":
      return heads.includes(component.head);
    case "mlp":
      return mlp;
    case "neuron":
      return neurons === undefined
        ? mlp && component.neuron < (hidden ?? Number.POSITIVE_INFINITY)
        : isAmong(neurons, component.neuron);
  }
}

/** Whether a model has a component. */
export function modelHas(shape: ModelShape, component: Component): boolean {
  const parts = shape[component.layer];
  return parts !== undefined && layerHas(parts, component);
}

/** Whether an index is in an ascending list. A layer has thousands of neurons, so the list is halved, not read. */
function isAmong(ascending: readonly number[], index: number): boolean {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === index;
}

/** A layer's components without one of its heads, or without its MLP. */
export function layerWithout<T extends LayerComponents>(
  parts: T,
  component: Exclude<Component, { readonly kind: "neuron" }>,
): T {
  switch (component.kind) {
    case "head":
      return { ...parts, heads: parts.heads.filter((head) => head !== component.head) };
    case "mlp":
      return { ...parts, mlp: false };
  }
}

/** All components of a model in the order of computing; its MLPs are whole. */
export function componentsOfModel(shape: ModelShape): readonly Component[] {
  return shape.flatMap((parts, layer) => componentsOfLayer(layer, parts));
}

/**
 * The components that a search tries, in the order in which it tries them: layers last to first; in a layer heads
 * ascending, then the MLP, or the MLP first where the order is `downstream`.
 * @param mlps whether MLPs may be pruned.
 */
export function componentsOnTrial(
  shape: ModelShape,
  { mlps, order }: { readonly mlps: boolean; readonly order: Order },
): readonly Component[] {
  const kinds = (order === "published" ? componentKinds : componentKinds.toReversed()).filter((kind) =>
    isTried(kind, mlps),
  );
  return shape
    .map((parts, layer) => kinds.flatMap((kind) => componentsOfKind(kind, layer, parts)))
    .reverse()
    .flat();
}

/** Whether a search tries components of this kind. @param mlps whether MLPs may be pruned. */
export function isTried(kind: ComponentKind, mlps: boolean): boolean {
  switch (kind) {
    case "head":
      return true;
    case "mlp":
      return mlps;
    case "neuron":
      return false;
  }
}
