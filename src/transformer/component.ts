/**
 * A component is what a search keeps or prunes as a whole: one attention head or one MLP (paper, section 2). It
 * is a sum type, so that finer kinds can be added: all code that distinguishes kinds is a switch over `kind`, or
 * a record with an entry for each, and the compiler reports where a new kind is missing.
 *
 * Only this module knows how components are named, titled, parsed, ordered and listed.
 */
import type { Transformer } from "./transformer.ts";

/** The unit that a search keeps or prunes as a whole: one attention head, or the MLP of a layer. */
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
      /** The MLP of a layer. */
      readonly kind: "mlp";
      /** Its layer, counted from 0. */
      readonly layer: number;
    };

/** The kinds of components. */
export type ComponentKind = Component["kind"];

/** The noun for each kind, in the order in which a layer computes them. */
export const kindNouns: Readonly<Record<ComponentKind, string>> = { head: "head", mlp: "MLP" };

/** All kinds, in the order in which a layer computes them. */
export const componentKinds: readonly ComponentKind[] = Object.keys(kindNouns) as ComponentKind[];

/** A component as traces and journals write it: its layer, and its name within the layer. */
export interface ComponentRecord {
  /** The layer, counted from 0. */
  readonly layer: number;
  /** The component within its layer: "head.3" or "mlp". */
  readonly component: string;
}

/** The components of one layer: of a model, all that it has; of a circuit, those that stay. */
export interface LayerComponents {
  /** Indices in the original layer, ascending. */
  readonly heads: readonly number[];
  /** Whether the layer's MLP is among them. */
  readonly mlp: boolean;
}

/** The components of a model, layer by layer. */
export type ModelShape = readonly LayerComponents[];

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
  }));
}

/** The shape of an original model from the number of heads of each layer. */
export function shapeOfHeadCounts(headCounts: readonly number[]): ModelShape {
  return headCounts.map((count) => ({ heads: Array.from({ length: count }, (_, head) => head), mlp: true }));
}

/** How many heads each layer has. */
export function headCountsOf(model: Transformer): readonly number[] {
  return shapeOf(model).map(({ heads }) => heads.length);
}

/** The component's name within its layer, as traces write it: "head.3", "mlp". */
export function nameInLayer(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head.${component.head}`;
    case "mlp":
      return "mlp";
  }
}

/** The component's name in the whole model: "3.head.1", "3.mlp". */
export function nameInModel(component: Component): string {
  return nameOfRecord(recordOf(component));
}

/** A head's number in the whole model: "3.1". */
export function headNumber(layer: number, head: number): string {
  return `${layer}.${head}`;
}

/** The component's name for readers: "head 3.1", "MLP 3". */
export function componentTitle(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head ${headNumber(component.layer, component.head)}`;
    case "mlp":
      return `MLP ${component.layer}`;
  }
}

/** The component in a sentence: "head 1 in layer 3", "MLP in layer 3". */
export function componentInWords(component: Component): string {
  switch (component.kind) {
    case "head":
      return `head ${component.head} in layer ${component.layer}`;
    case "mlp":
      return `MLP in layer ${component.layer}`;
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
  return componentKinds.map((kind) => parsers[kind](layer, component)).find((found) => found !== undefined);
}

/** Each parser reads the names of one kind, as `nameInLayer` writes them. */
const parsers: Readonly<Record<ComponentKind, (layer: number, name: string) => Component | undefined>> = {
  head(layer, name) {
    const head = /^head\.(0|[1-9]\d*)$/.exec(name)?.[1];
    return head === undefined ? undefined : { kind: "head", layer, head: Number(head) };
  },
  mlp: (layer, name) => (name === "mlp" ? { kind: "mlp", layer } : undefined),
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

/** Compares by the order of computing: by layer; within a layer heads come first, then the MLP. */
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
  }
}

/** One layer's components in the order of computing. */
export function componentsOfLayer(layer: number, parts: LayerComponents): readonly Component[] {
  return componentKinds.flatMap((kind) => componentsOfKind(kind, layer, parts));
}

function componentsOfKind(
  kind: ComponentKind,
  layer: number,
  { heads, mlp }: LayerComponents,
): readonly Component[] {
  switch (kind) {
    case "head":
      return heads.map((head) => ({ kind, layer, head }));
    case "mlp":
      return mlp ? [{ kind, layer }] : [];
  }
}

/** Whether a layer's components include the given one of that layer. */
export function layerHas({ heads, mlp }: LayerComponents, component: Component): boolean {
  switch (component.kind) {
    case "head":
      return heads.includes(component.head);
    case "mlp":
      return mlp;
  }
}

/** A layer's components without one of them. */
export function layerWithout<T extends LayerComponents>(parts: T, component: Component): T {
  switch (component.kind) {
    case "head":
      return { ...parts, heads: parts.heads.filter((head) => head !== component.head) };
    case "mlp":
      return { ...parts, mlp: false };
  }
}

/** All components of a model in the order of computing. */
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
  }
}
