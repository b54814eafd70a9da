/**
 * A walk down the layers, last to first, in which components are tried one after another, each below what has
 * been decided above it and above what the walk started from. Which of them go is the caller's rule.
 */
import { type Circuit, without } from "../../transformer/circuit.ts";
import { type Component, componentsOfLayer, layerHas } from "../../transformer/component.ts";
import type { LayerEvaluator } from "./evaluator.ts";
import type { LayerChoice, LayerState } from "./layer-trial.ts";
import { createLookahead, type Expectation } from "./lookahead.ts";
import type { VisitAnswers } from "./scorer.ts";

/** The model as decided so far, less one more component. */
export interface Candidate {
  /** KL(original ‖ candidate) for each prompt, in nats. @param visit sees the candidate's logits. */
  kl(visit?: VisitAnswers): Promise<Float64Array>;
}

export interface WalkOptions {
  readonly signal?: AbortSignal | undefined;
  /** What is decided, probably: where candidates are evaluated together, it saves evaluations. */
  readonly expectation?: Expectation | undefined;
}

/**
 * @param start what the evaluator starts from.
 * @param tried in the order in which they are tried: of later layers first.
 * @param decide whether the component goes. A candidate whose KL is not asked for is not evaluated.
 * @returns `start` less the components that went.
 */
export async function walk(
  evaluator: LayerEvaluator,
  layers: number,
  start: Circuit,
  tried: readonly Component[],
  decide: (component: Component, candidate: Candidate) => Promise<boolean>,
  { signal, expectation }: WalkOptions = {},
): Promise<Circuit> {
  const gone: Component[] = [];
  const lookahead = createLookahead(evaluator.weights, expectation);
  const lowest = Math.min(layers, ...tried.map(({ layer }) => layer));
  let upper = evaluator.top;
  for (let layer = layers - 1; layer >= lowest; layer--) {
    signal?.throwIfAborted();
    const here = tried.filter((each) => each.layer === layer);
    if (here.length === 0) {
      upper = await evaluator.keepLayer(layer, upper);
      continue;
    }
    const below = Math.max(-1, ...tried.filter((each) => each.layer < layer).map((each) => each.layer));
    const trial = await evaluator.openLayer(layer, upper, below);
    let choice: LayerChoice = trial.start;
    // As far as it was needed, `choice` worked out.
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
    for (const [index, component] of here.entries()) {
      signal?.throwIfAborted();
      const rest = here.slice(index);
      const [decided, above] = [choice, upper];
      let seen: Float64Array | undefined;
      let tried: LayerState | undefined;
      const goes = await decide(component, {
        async kl(visit) {
          if (visit === undefined) seen = await lookahead.kl(trial, decided, rest, above);
          if (visit !== undefined || seen === undefined) {
            const from = await workOut();
            tried ??= await trial.without(from, component);
            seen = await trial.kl(tried, above, visit);
          }
          return seen;
        },
      });
      lookahead.decided(goes, seen);
      if (goes) {
        choice = trial.less(choice, component);
        gone.push(component);
        if (tried !== undefined) await move(tried);
      } else if (tried !== undefined) {
        await trial.discard(tried);
      }
    }
    // Nothing is tried below the lowest, so nothing of what is above needs to run again.
    if (layer > lowest) upper = await trial.close(choice, upper);
    await trial.discard(state);
    await trial.end(layer > lowest ? [upper] : []);
  }
  return without(start, gone);
}
