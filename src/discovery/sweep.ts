/**
 * Searches with many thresholds at once, for less than the sum of their costs. All α walk down the layers
 * together, in groups that have made the same decisions so far. A candidate is evaluated once for a group, and
 * the group splits if a component's delta is below only some of its α. Everything below the layer on trial is
 * shared by all groups.
 *
 * Every candidate has a fixed place in the order, so the decisions of a group and its kept components determine
 * each other. Therefore two groups never become equal again, no state of the model is evaluated twice, and each
 * α's decisions and numbers are identical to the last bit to those of `search` with that α alone, from the same
 * sessions and tensors.
 */
import { PithError } from "../errors.ts";
import {
  type Component,
  type ComponentRecord,
  nameInLayer,
  type Order,
  recordOf,
} from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { LayerEvaluator } from "./evaluator/evaluator.ts";
import type { LayerState, LayerTrial } from "./evaluator/layer-trial.ts";
import type { Upper } from "./evaluator/upper.ts";
import { mean } from "./mean.ts";
import type { Decision, SearchResult } from "./searches/decision.ts";
import { candidates, circuitOfTrace, mayGo } from "./searches/greedy/search.ts";

/**
 * One evaluation: plain data, for journals. It does not depend on α, so a sweep may also reuse the entries of one
 * with other α, as long as model, prompts, replacements, `mlps` and `order` are the same.
 */
export interface SweepEntry extends ComponentRecord {
  /** The decisions before it, a letter for each candidate in order: "p" pruned, "k" kept. */
  readonly path: string;
  /** KL(original ‖ model with the component replaced as well), in nats, mean over the validation prompts. */
  readonly kl: number;
}

/** The progress of a sweep. The number of evaluations is not known before its end. */
interface SweepProgress {
  /** The candidate that is being tried, from 1. */
  readonly candidate: number;
  readonly candidates: number;
  /** Evaluations so far, including those from a journal. */
  readonly evaluations: number;
}

export interface SweepOptions {
  /** In any order; equal ones all get their result. */
  readonly alphas: readonly number[];
  /** As in a search. */
  readonly maxKl?: number | undefined;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  readonly order: Order;
  /** Evaluations of an earlier run, any of them in any order: they are reused. */
  readonly resume?: readonly SweepEntry[];
  /**
   * Called with every new evaluation, after all decisions based on it, and awaited before the next evaluation.
   */
  readonly onDecision?: (entry: SweepEntry, progress: SweepProgress) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

/** The same result as `search` with this α alone. */
export interface AlphaResult extends SearchResult {
  readonly alpha: number;
}

export interface SweepResult {
  /** For each α, in the given order. */
  readonly results: readonly AlphaResult[];
  /** How many evaluations there were, including those from a journal. */
  readonly evaluations: number;
  /** How many a search for each α would make. */
  readonly separately: number;
}

/** Thresholds α with the same decisions so far. */
interface Group {
  readonly alphas: readonly number[];
  readonly path: string;
  readonly trace: readonly Decision[];
  /** KL of the decided model, in nats. */
  readonly kl: number;
  readonly upper: Upper;
}

/** A group in the middle of a layer; groups with the same decisions within the layer share the state. */
interface TriedGroup extends Group {
  readonly trial: LayerTrial;
  readonly state: LayerState;
}

/** @throws PithError "options" if `resume` has an entry of a search with other candidates. */
export async function sweep(
  evaluator: LayerEvaluator,
  model: Transformer,
  options: SweepOptions,
): Promise<SweepResult> {
  const all = candidates(model, options);
  const ledger = createLedger(all, options);
  const alphas = [...new Set(options.alphas)];
  let groups: readonly Group[] =
    alphas.length === 0 ? [] : [{ alphas, path: "", trace: [], kl: 0, upper: evaluator.top }];
  for (let layer = model.blocks.length - 1; layer >= 0; layer--) {
    options.signal?.throwIfAborted();
    groups = await decideLayer(evaluator, groups, layer, all, ledger, options);
  }

  const groupOf = new Map(groups.flatMap((group) => group.alphas.map((alpha) => [alpha, group] as const)));
  return {
    results: options.alphas.flatMap((alpha) => {
      const group = groupOf.get(alpha);
      if (group === undefined) return [];
      return [{ alpha, circuit: circuitOfTrace(model, group.trace), trace: group.trace, kl: group.kl }];
    }),
    evaluations: ledger.evaluations(),
    separately: options.alphas.length * all.length,
  };
}

async function decideLayer(
  evaluator: LayerEvaluator,
  groups: readonly Group[],
  layer: number,
  all: readonly Component[],
  ledger: Ledger,
  { maxKl, signal }: SweepOptions,
): Promise<readonly Group[]> {
  // At most two: some groups may need all positions, others only the last.
  const trials = new Map<boolean, LayerTrial>();
  const held: States = new Map();
  const letGo = async (alive: readonly Upper[]) => {
    for (const [state, trial] of held) await trial.discard(state);
    for (const trial of trials.values()) await trial.end(alive);
  };
  try {
    let tried: readonly TriedGroup[] = [];
    for (const group of groups) {
      const { readsAll } = group.upper;
      const trial = trials.get(readsAll) ?? (await evaluator.openLayer(layer, group.upper));
      trials.set(readsAll, trial);
      held.set(trial.start, trial);
      tried = [...tried, { ...group, trial, state: trial.start }];
    }
    for (const component of all.filter((each) => each.layer === layer)) {
      const next: TriedGroup[] = [];
      for (const sharing of byState(tried)) {
        signal?.throwIfAborted();
        next.push(
          ...(await tryComponent(sharing, component, held, ledger, {
            maxKl,
            signal,
            weights: evaluator.weights,
          })),
        );
      }
      tried = next;
    }
    const decided: Group[] = [];
    for (const { trial, state, ...group } of tried) {
      // Nothing is tried below the first layer, so nothing above it needs to run again.
      const upper = layer === 0 ? evaluator.top : await trial.close(state, group.upper);
      decided.push({ ...group, upper });
    }
    await letGo(decided.map(({ upper }) => upper));
    return decided;
  } catch (error) {
    // Everything above is released too. If the engine itself has failed, an error here tells nothing new.
    await letGo([]).catch(() => {});
    throw error;
  }
}

/** All held states of a layer, with their trials. */
type States = Map<LayerState, LayerTrial>;

/** One candidate for all groups with the same decisions within the layer, whatever is above them. */
async function tryComponent(
  sharing: readonly TriedGroup[],
  component: Component,
  held: States,
  ledger: Ledger,
  { maxKl, signal, weights }: Pick<SweepOptions, "maxKl" | "signal"> & Pick<LayerEvaluator, "weights">,
): Promise<readonly TriedGroup[]> {
  const [first] = sharing;
  if (first === undefined) return [];
  const { trial, state } = first;
  const kls = new Map<TriedGroup, number>();
  const fresh: TriedGroup[] = [];
  for (const group of sharing) {
    const kl = ledger.takeOver(group.path);
    if (kl === undefined) fresh.push(group);
    else kls.set(group, kl);
  }

  let pruned: LayerState | undefined;
  const prunes = (group: TriedGroup, kl: number) =>
    group.alphas.some((alpha) => mayGo(kl, kl - group.kl, alpha, maxKl));
  if (fresh.length > 0 || [...kls].some(([group, kl]) => prunes(group, kl))) {
    pruned = await trial.without(state, component);
    held.set(pruned, trial);
    const uppers = fresh.map(({ upper }) => upper);
    for await (const [index, values] of trial.klBelowEach(pruned, uppers)) {
      const group = fresh[index];
      if (group === undefined) throw new RangeError("a KL that nobody asked for");
      const kl = mean(values, weights);
      kls.set(group, kl);
      await ledger.add(group.path, component, kl);
      signal?.throwIfAborted();
    }
  }

  const next: TriedGroup[] = [];
  for (const [group, kl] of kls) {
    const delta = kl - group.kl;
    const decision = { ...recordOf(component), kl, delta };
    const goes = group.alphas.filter((alpha) => mayGo(kl, delta, alpha, maxKl));
    const stays = group.alphas.filter((alpha) => !goes.includes(alpha));
    if (goes.length > 0 && pruned !== undefined) {
      const trace = [...group.trace, { ...decision, pruned: true }];
      next.push({ ...group, alphas: goes, path: `${group.path}p`, trace, kl, state: pruned });
    }
    if (stays.length > 0) {
      const trace = [...group.trace, { ...decision, pruned: false }];
      next.push({ ...group, alphas: stays, path: `${group.path}k`, trace });
    }
  }
  for (const each of [state, pruned]) {
    if (each === undefined || next.some((group) => group.state === each)) continue;
    held.delete(each);
    await trial.discard(each);
  }
  return next;
}

function byState(groups: readonly TriedGroup[]): readonly (readonly TriedGroup[])[] {
  const states = new Set(groups.map(({ state }) => state));
  return [...states].map((state) => groups.filter((group) => group.state === state));
}

/** The evaluations so far, from this run or an earlier one. */
interface Ledger {
  /** The result of an earlier run for the candidate after this path; it counts as an evaluation. */
  takeOver(path: string): number | undefined;
  add(path: string, component: Component, kl: number): Promise<void>;
  evaluations(): number;
}

function createLedger(all: readonly Component[], { resume, onDecision }: SweepOptions): Ledger {
  const known = new Map((resume ?? []).map((entry) => [checkedPath(entry, all), entry.kl]));
  let evaluations = 0;
  return {
    takeOver(path) {
      const kl = known.get(path);
      if (kl !== undefined) evaluations++;
      return kl;
    },
    async add(path, component, kl) {
      evaluations++;
      const entry = { path, ...recordOf(component), kl };
      await onDecision?.(entry, { candidate: path.length + 1, candidates: all.length, evaluations });
    },
    evaluations: () => evaluations,
  };
}

function checkedPath({ path, layer, component }: SweepEntry, all: readonly Component[]): string {
  const expected = all[path.length];
  if (expected?.layer === layer && nameInLayer(expected) === component) return path;
  throw new PithError("options", `an evaluation of layer ${layer}, ${component}, is not of this sweep`, {
    advice: "Resume with the same model, order and choice of MLPs, or start anew.",
  });
}
