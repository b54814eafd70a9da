/**
 * How much a circuit depends on the prompts of its search, found by comparing the circuits of searches on
 * resampled prompts. Pure functions of circuits.
 *
 * Only components on trial count: a component that no search may prune is in every circuit. How alike two sets
 * are also depends on their sizes: two sets of 40 out of 42 components can't differ by much. So every Jaccard
 * index is shown with the one that random sets of the same sizes have.
 */
import { type Circuit, circuitOf, keeps, wholeCircuit } from "../transformer/circuit.ts";
import {
  type Component,
  componentsOfModel,
  isTried,
  nameInModel,
  neuronsOfLayer,
  shapeOfHeadCounts,
} from "../transformer/component.ts";

/** Which components were on trial. */
export interface TrialShape {
  /** How many heads each layer has. */
  readonly heads: readonly number[];
  /** Whether MLPs were on trial, one a layer. */
  readonly mlps: boolean;
  /** How many neurons each layer has, where neurons were on trial: then an MLP is compared neuron by neuron. */
  readonly neurons?: readonly number[] | undefined;
}

/** Shares of the runs, 0 to 1, that kept a component. */
export interface Frequency {
  /** The shares of the heads, [layer][head]. */
  readonly heads: readonly (readonly number[])[];
  /** The shares of the MLPs, [layer]; empty where MLPs were not on trial. */
  readonly mlps: readonly number[];
}

/** A value over all components on trial, and one over the heads alone. */
export interface ByScope<T> {
  /** Over all components on trial. */
  readonly components: T;
  /** Over the heads alone. */
  readonly heads: T;
}

/** How much a circuit depends on the prompts of its search. */
export interface Stability {
  /** How often each component was kept. */
  readonly frequency: Frequency;
  /** The mean Jaccard index over all pairs of runs. */
  readonly jaccard: ByScope<number>;
  /** The same, as expected for sets of these sizes that are drawn at random. */
  readonly chance: ByScope<number>;
  /** The Jaccard index of each run and the circuit of the full data. */
  readonly againstFull: ByScope<readonly number[]>;
}

/**
 * Compares the circuits of searches on resampled prompts.
 * @param runs the circuits of two runs or more.
 * @param full the circuit of the full data.
 * @throws RangeError for fewer runs.
 */
export function stabilityOf(runs: readonly Circuit[], full: Circuit, shape: TrialShape): Stability {
  if (runs.length < 2) throw new RangeError("stability needs two runs or more");
  const all = wholeCircuit(shapeOfHeadCounts(shape.heads));
  const headsAlone = { heads: shape.heads, mlps: false };
  const sizes: ByScope<number> = {
    components: namesOnTrial(all, shape).size,
    heads: namesOnTrial(all, headsAlone).size,
  };
  const sets: ByScope<(circuit: Circuit) => ReadonlySet<string>> = {
    components: (circuit) => namesOnTrial(circuit, shape),
    heads: (circuit) => namesOnTrial(circuit, headsAlone),
  };
  const inBoth = <T>(measure: (scope: keyof ByScope<unknown>) => T): ByScope<T> => ({
    components: measure("components"),
    heads: measure("heads"),
  });
  return {
    frequency: frequencyOf(runs, shape),
    jaccard: inBoth((scope) => meanOverPairs(runs.map(sets[scope]), jaccardIndex)),
    chance: inBoth((scope) =>
      meanOverPairs(runs.map(sets[scope]), (one, other) => chanceJaccard(one.size, other.size, sizes[scope])),
    ),
    againstFull: inBoth((scope) => {
      const reference = sets[scope](full);
      return runs.map((run) => jaccardIndex(sets[scope](run), reference));
    }),
  };
}

/** |A ∩ B| / |A ∪ B| (Jaccard 1901); 1 for two empty sets, which agree in everything. @internal */
export function jaccardIndex(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const common = [...one].filter((name) => other.has(name)).length;
  const union = one.size + other.size - common;
  return union === 0 ? 1 : common / union;
}

/**
 * The expected Jaccard index of two sets that are drawn independently and uniformly: the size of their
 * intersection is hypergeometric, P(i) = C(a, i)·C(n − a, b − i) / C(n, b).
 * @param a and @param b the sets' sizes; @param n the number of elements that they are drawn from.
 * @throws RangeError for a size above n.
 */
export function chanceJaccard(a: number, b: number, n: number): number {
  if (a > n || b > n) throw new RangeError(`no set of ${Math.max(a, b)} in ${n} components`);
  if (a + b === 0) return 1;
  const [least, most] = [Math.max(0, a + b - n), Math.min(a, b)];
  // In logarithms, because binomials of a few hundred components overflow a float.
  const logs = [0];
  for (let i = least; i < most; i++) {
    logs.push((logs.at(-1) ?? 0) + Math.log(((a - i) * (b - i)) / ((i + 1) * (n - a - b + i + 1))));
  }
  const highest = logs.reduce((high, value) => Math.max(high, value));
  const weights = logs.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.reduce((sum, weight, at) => {
    const common = least + at;
    return sum + (weight / total) * (common / (a + b - common));
  }, 0);
}

/** Counts how often each component was kept, as shares of the runs; an MLP is kept if some of it is. */
export function frequencyOf(runs: readonly Circuit[], { heads, mlps }: TrialShape): Frequency {
  const share = (component: Component) => runs.filter((run) => keeps(run, component)).length / runs.length;
  return {
    heads: heads.map((count, layer) =>
      Array.from({ length: count }, (_, head) => share({ kind: "head", layer, head })),
    ),
    mlps: mlps ? heads.map((_, layer) => share({ kind: "mlp", layer })) : [],
  };
}

/** Share of the runs, 0 to 1, that kept a component; undefined if it was not on trial. */
export function frequencyOfComponent({ heads, mlps }: Frequency, component: Component): number | undefined {
  switch (component.kind) {
    case "head":
      return heads[component.layer]?.[component.head];
    case "mlp":
      return mlps[component.layer];
    case "neuron":
      return undefined;
    default:
      return component satisfies never;
  }
}

/**
 * The components that were kept in at least this share of the runs, and all that were not on trial.
 * @param share above 0, to 1.
 */
export function frequentCircuit(frequency: Frequency, share: number): Circuit {
  const all = componentsOfModel(shapeOfHeadCounts(frequency.heads.map(({ length }) => length)));
  return circuitOf(all.filter((component) => (frequencyOfComponent(frequency, component) ?? 1) >= share));
}

function namesOnTrial(circuit: Circuit, { heads, mlps, neurons }: TrialShape): ReadonlySet<string> {
  const onTrial = componentsOfModel(shapeOfHeadCounts(heads)).flatMap((component): readonly Component[] => {
    const { kind, layer } = component;
    if (kind === "mlp" && neurons !== undefined) return neuronsOfLayer(layer, neurons[layer] ?? 0);
    return isTried(kind, mlps) ? [component] : [];
  });
  return new Set(onTrial.filter((component) => keeps(circuit, component)).map(nameInModel));
}

function meanOverPairs<T>(items: readonly T[], measure: (one: T, other: T) => number): number {
  let sum = 0;
  for (const [index, one] of items.entries()) {
    for (const other of items.slice(index + 1)) sum += measure(one, other);
  }
  return sum / ((items.length * (items.length - 1)) / 2);
}
