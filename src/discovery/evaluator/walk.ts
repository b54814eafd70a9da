/**
 * A walk down the layers, last to first, in which components are tried one after another. Each is tried in the
 * model that results from the walk's start and the decisions so far. The caller's rule decides which components
 * are pruned.
 */
import { type Circuit, without } from "../../transformer/circuit.ts";
import { type Component, componentsOfLayer, layerHas } from "../../transformer/component.ts";
import type { SearchUnit } from "../search-units.ts";
import type { KlSoFar } from "./candidate-kl.ts";
import type { LayerEvaluator } from "./evaluator.ts";
import type { LayerChoice, LayerState, LayerTrial } from "./layer-trial.ts";
import { createLookahead, type Expectation, lessUnit } from "./lookahead.ts";
import type { VisitAnswers } from "./scorer.ts";

/** The decided model without one more component. */
export interface Candidate {
  /** KL(original ‖ candidate) for each prompt, in nats. @param visit gets the candidate's logits. */
  kl(visit?: VisitAnswers): Promise<Float64Array>;
  /** The same, but of no more prompts than are needed. @param enough is asked after each group of prompts. */
  klUntil(enough: (found: KlSoFar) => boolean): Promise<KlSoFar>;
}

export interface WalkOptions {
  readonly signal?: AbortSignal | undefined;
  /** The probable decisions: where candidates are evaluated together, they save evaluations. */
  readonly expectation?: Expectation | undefined;
  /**
   * How hard each prompt is, asked before a layer is tried: the hardest go first. Left out, or undefined: in the
   * prompts' own order.
   * @param gone what was pruned so far. @param candidates how many are tried in the layer.
   */
  readonly hardness?:
    | ((gone: readonly Component[], candidates: number) => Promise<Float64Array | undefined>)
    | undefined;
}

/**
 * @param start the circuit that the evaluator starts from.
 * @param tried in the order in which they are tried: later layers first.
 * @param decide whether the component is pruned. A candidate is only evaluated if its KL is requested.
 * @returns `start` without the pruned components.
 */
export async function walk(
  evaluator: LayerEvaluator,
  layers: number,
  start: Circuit,
  tried: readonly SearchUnit[],
  decide: (unit: SearchUnit, candidate: Candidate) => Promise<boolean>,
  { signal, expectation, hardness }: WalkOptions = {},
): Promise<Circuit> {
  const gone: Component[] = [];
  const layerOf = ([first]: SearchUnit) => first?.layer ?? 0;
  const lookahead = createLookahead(evaluator.weights, expectation);
  const lowest = Math.min(layers, ...tried.map(layerOf));
  let upper = evaluator.top;
  for (let layer = layers - 1; layer >= lowest; layer--) {
    signal?.throwIfAborted();
    const here = tried.filter((each) => layerOf(each) === layer);
    if (here.length === 0) {
      upper = await evaluator.keepLayer(layer, upper);
      continue;
    }
    const below = Math.max(-1, ...tried.map(layerOf).filter((each) => each < layer));
    const trial = await evaluator.openLayer(layer, upper, below, await hardness?.(gone, here.length));
    let choice: LayerChoice = trial.start;
    // The state of `choice`, computed only as far as it was needed.
    let state = trial.start;
    const move = async (next: LayerState) => {
      await trial.discard(state);
      state = next;
    };
    const workOut = async () => {
      const decided = choice;
      const gone = componentsOfLayer(layer, state).filter((each) => !layerHas(decided, each));
      for (const component of gone) await move(await trial.without(state, component));
      return state;
    };
    for (const [index, unit] of here.entries()) {
      signal?.throwIfAborted();
      const rest = here.slice(index);
      const [decided, above] = [choice, upper];
      let seen: Float64Array | undefined;
      let tried: LayerState | undefined;
      const without = async () => {
        const from = await workOut();
        tried ??= await withoutUnit(trial, from, unit);
        return tried;
      };
      const kl = async (visit?: VisitAnswers) => {
        if (visit === undefined) seen = await lookahead.kl(trial, decided, rest, above);
        if (visit !== undefined || seen === undefined) seen = await trial.kl(await without(), above, visit);
        return seen;
      };
      const goes = await decide(unit, {
        kl,
        async klUntil(enough) {
          if (trial.klOfEach !== undefined) return allKnown(await kl());
          const found = await trial.klUntil(await without(), above, enough);
          if (found.known.length === found.kl.length) seen = found.kl;
          return found;
        },
      });
      lookahead.decided(goes, seen);
      if (goes) {
        choice = lessUnit(trial, choice, unit);
        gone.push(...unit);
        if (tried !== undefined) await move(tried);
      } else if (tried !== undefined) {
        await trial.discard(tried);
      }
    }
    // Nothing is tried below the lowest layer, so nothing above it needs to run again.
    if (layer > lowest) upper = await trial.close(choice, upper);
    await trial.discard(state);
    await trial.end(layer > lowest ? [upper] : []);
  }
  return without(start, gone);
}

const allKnown = (kl: Float64Array): KlSoFar => ({ kl, known: [...kl.keys()] });

/** The state less all of a unit, worked out one component after another. */
async function withoutUnit(trial: LayerTrial, from: LayerState, unit: SearchUnit): Promise<LayerState> {
  let state = from;
  for (const component of unit) {
    const next = await trial.without(state, component);
    if (state !== from) await trial.discard(state);
    state = next;
  }
  return state;
}

/** The same where every unit is one component. */
export function walkComponents(
  evaluator: LayerEvaluator,
  layers: number,
  start: Circuit,
  tried: readonly Component[],
  decide: (component: Component, candidate: Candidate) => Promise<boolean>,
  options: WalkOptions = {},
): Promise<Circuit> {
  const decideOn = ([component]: SearchUnit, candidate: Candidate) => {
    if (component === undefined) throw new RangeError("a unit without a component");
    return decide(component, candidate);
  };
  const units = tried.map((component) => [component]);
  return walk(evaluator, layers, start, units, decideOn, options);
}
