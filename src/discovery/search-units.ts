/**
 * The units that a search tries as one candidate. The kinds of components are a closed list (`Component`); which
 * components are tried together is a value in this registry. Units lie within one layer, as a search goes layer by layer.
 */
import { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import {
  type Component,
  componentsOfLayer,
  isTried,
  type LayerComponents,
  nameInLayer,
  nameInModel,
  type Order,
} from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";

/** Components of one layer that are kept or pruned together; at least one, in the order of computing. */
export type SearchUnit = readonly Component[];

/** A layer, as far as units depend on it. */
export interface UnitLayer extends LayerComponents {
  /** The layer's number, counted from 0. */
  readonly layer: number;
  /** For each of `heads`, which of the layer's key/value heads it reads. */
  readonly group: readonly number[];
}

/** A way to group components. Register it with {@link registerSearchUnits}. */
export interface SearchUnits {
  /** Names the units in options and in circuit.json. */
  readonly name: string;
  /** What is tried at once, in a sentence. */
  readonly sentence: string;
  /** Whether the neurons of an MLP are tried one by one in its place, by searches that can. Left out: no. */
  readonly splitsMlps?: boolean;
  /** @returns all components of the layer, each in one unit, in the order in which the units are tried. */
  unitsOf(layer: UnitLayer): readonly SearchUnit[];
}

/** Every component by itself. */
export const singleComponents: SearchUnits = {
  name: "heads,mlps",
  sentence: "Each head and each MLP by itself.",
  unitsOf: ({ layer, ...parts }) => componentsOfLayer(layer, parts).map((component) => [component]),
};

const keyValueGroups: SearchUnits = {
  name: "kv-groups",
  sentence: "All query heads of a key/value head together, and each MLP.",
  unitsOf({ layer, group, heads, mlp }) {
    const groups = [...new Set(group)].map((read) => heads.filter((_, at) => group[at] === read));
    return [...groups.map((own) => ({ heads: own, mlp: false })), { heads: [], mlp }].flatMap((parts) => {
      const unit = componentsOfLayer(layer, parts);
      return unit.length === 0 ? [] : [unit];
    });
  },
};

/** Every head and every neuron by itself, for searches by gates. */
export const headsAndNeurons: SearchUnits = {
  name: "heads,neurons",
  sentence: "Each head and each neuron by itself, for searches by gates.",
  splitsMlps: true,
  unitsOf: singleComponents.unitsOf,
};

const attentionLayers: SearchUnits = {
  name: "attention-layers",
  sentence: "All heads of a layer together, and each MLP.",
  unitsOf: ({ layer, heads, mlp }) =>
    [
      { heads, mlp: false },
      { heads: [], mlp },
    ].flatMap((parts) => {
      const unit = componentsOfLayer(layer, parts);
      return unit.length === 0 ? [] : [unit];
    }),
};

const known = new Map<string, SearchUnits>();
registerSearchUnits(singleComponents);
registerSearchUnits(keyValueGroups);
registerSearchUnits(attentionLayers);
registerSearchUnits(headsAndNeurons);

/**
 * Registers units under their name, so that `extract`, its command and readers of circuit.json find them.
 * @throws PithError "options" when other units have the name.
 */
export function registerSearchUnits(units: SearchUnits): void {
  if (known.has(units.name))
    throw new PithError("options", `there are search units named ${units.name} already.`);
  known.set(units.name, units);
}

/** All that are registered, the default first. */
export function knownSearchUnits(): readonly SearchUnits[] {
  return [...known.values()];
}

/** @param field what the option is called, for the error. @throws PithError "options" for an unknown name. */
export function searchUnitsNamed(name: string, field = "components"): SearchUnits {
  const found = known.get(name);
  if (found !== undefined) return found;
  throw new PithError("options", `there are no search units named ${quote(name)}.`, {
    place: { field },
    advice: `There are: ${[...known.keys()].join("; ")}.`,
  });
}

interface TrialOptions {
  /** Left out: each component by itself. */
  readonly units?: SearchUnits | undefined;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  readonly order: Order;
}

/** `unitsOfLayers` of a model's layers. */
export function unitsOnTrial(model: Transformer, options: TrialOptions): readonly SearchUnit[] {
  const layers = model.blocks.map(
    ({ attention, mlp }, layer): UnitLayer => ({
      ...{ layer, heads: attention?.heads ?? [], mlp: mlp !== undefined },
      group: attention?.group ?? [],
    }),
  );
  return unitsOfLayers(layers, options);
}

/**
 * The units that a search tries, in its order: the last layer first, and within a layer in the order of `unitsOf`, or,
 * if the order is `downstream`, units with an MLP first. Components that may not be pruned are in no unit.
 * @throws PithError "options" if the units of a layer do not hold each of its components exactly once.
 */
export function unitsOfLayers(
  layers: readonly UnitLayer[],
  { units = singleComponents, mlps, order }: TrialOptions,
): readonly SearchUnit[] {
  const ofLayers = layers.map((parts) => {
    const all = units.unitsOf(parts);
    checkPartition(units, parts, all);
    const tried = all
      .map((unit) => unit.filter(({ kind }) => isTried(kind, mlps)))
      .filter((unit) => unit.length > 0);
    const hasMlp = (unit: SearchUnit) => unit.some(({ kind }) => kind === "mlp");
    return order === "published"
      ? tried
      : [...tried.filter(hasMlp), ...tried.filter((unit) => !hasMlp(unit))];
  });
  return ofLayers.reverse().flat();
}

function checkPartition(units: SearchUnits, parts: UnitLayer, all: readonly SearchUnit[]): void {
  const fault = (message: string) =>
    new PithError("options", `the units of layer ${parts.layer} ${message}.`, {
      place: { field: `components ${units.name}` },
    });
  if (all.some((unit) => unit.length === 0)) throw fault("have an empty one");
  const names = all.flat().map(nameInModel);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw fault(`have ${twice} twice`);
  const wanted = componentsOfLayer(parts.layer, parts).map(nameInModel);
  const stranger = names.find((name) => !wanted.includes(name));
  if (stranger !== undefined) throw fault(`have ${stranger}, which is not there`);
  const missing = wanted.find((name) => !names.includes(name));
  if (missing !== undefined) throw fault(`lack ${missing}`);
}

/** How a decision names a unit: its first component, and the others. */
export function recordOfUnit([first, ...others]: SearchUnit): {
  readonly layer: number;
  readonly component: string;
  readonly also?: string[];
} {
  if (first === undefined) throw new RangeError("a unit without a component");
  return {
    ...{ layer: first.layer, component: nameInLayer(first) },
    ...(others.length > 0 && { also: others.map(nameInLayer) }),
  };
}
