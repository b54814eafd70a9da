/**
 * Finds the circuit of the lowest KL within a given size. From each starting point that is too large, the
 * component with the least cost in KL for its number of parameters is removed, again and again, until the rest
 * fits. Then components that still fit are added again as long as KL falls. Costs are evaluated lazily (Minoux,
 * 1978): a cost that was low one step ago is evaluated again, a high one is not.
 */
import { type Circuit, keeps, wholeCircuit, withComponents, without } from "../../../transformer/circuit.ts";
import { bodyShare, freedSize } from "../../../transformer/circuit-size.ts";
import { type Component, nameInModel, recordOf, shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import { walkComponents } from "../../evaluator/walk.ts";
import type { Decision } from "../decision.ts";
import type { Assessment, Assessor } from "./assess.ts";
import type { FoundCircuit, TriedCircuit } from "./tried-circuit.ts";

export interface FitSizeOptions {
  readonly assessor: Assessor;
  readonly candidates: readonly Component[];
  /** Share of the original's body parameters, 0 to 1. */
  readonly largest: number;
  /** No further evaluation begins once the assessor has counted this many. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** @param tried starting points, the largest first; one of them is the original. */
export async function fitSize(
  evaluator: Evaluator,
  model: Transformer,
  tried: readonly TriedCircuit[],
  options: FitSizeOptions,
): Promise<FoundCircuit> {
  const { assessor, limit } = options;
  const starts = [
    ...tried.filter(({ holds }) => holds),
    // The closest ones first, because they need the fewest steps.
    ...[...tried].reverse().filter(({ holds }) => !holds),
  ];
  let best: FoundCircuit | undefined;
  for (const start of starts) {
    if (best !== undefined && assessor.evaluations() >= limit) break;
    let state: State = { ...start, pass: 1, settled: false };
    if (!start.holds) state = await shrink(evaluator, model, state, options);
    // The evaluations were used up before it fitted.
    if (bodyShare(model, state.circuit) > options.largest) continue;
    state = await refill(model, state, options);
    const { circuit, kl, accuracy, trace, settled } = state;
    const size = bodyShare(model, circuit);
    const found: FoundCircuit = { circuit, kl, accuracy, trace, size, alpha: start.alpha, settled };
    if (best === undefined || found.kl < best.kl) best = found;
  }
  return best ?? bare(model, options);
}

interface State extends Assessment {
  readonly circuit: Circuit;
  readonly trace: readonly Decision[];
  readonly pass: number;
  readonly settled: boolean;
}

/** Removes the cheapest component for its size, again and again. */
async function shrink(
  evaluator: Evaluator,
  model: Transformer,
  start: State,
  { assessor, candidates, largest, limit, signal }: FitSizeOptions,
): Promise<State> {
  let state = start;
  const costs = new Map<string, number>();
  const costOf = (component: Component, { kl }: Assessment) =>
    (kl - state.kl) / freedSize(model, state.circuit, component);
  const first = candidates.filter((each) => keeps(state.circuit, each));
  await evaluator.restart(state.circuit, signal);
  await walkComponents(
    evaluator,
    model.blocks.length,
    state.circuit,
    first,
    async (component, candidate) => {
      if (assessor.evaluations() >= limit) return false;
      const found = await assessor.assess(without(start.circuit, [component]), candidate);
      costs.set(nameInModel(component), costOf(component, found));
      return false;
    },
    { signal },
  );
  while (bodyShare(model, state.circuit) > largest) {
    const fresh = new Map<string, Assessment>();
    let next: { readonly component: Component; readonly found: Assessment } | undefined;
    while (next === undefined) {
      if (assessor.evaluations() >= limit) return state;
      const kept = candidates.filter((each) => keeps(state.circuit, each) && costs.has(nameInModel(each)));
      const [component] = kept.sort(
        (a, b) => (costs.get(nameInModel(a)) ?? 0) - (costs.get(nameInModel(b)) ?? 0),
      );
      if (component === undefined) return state;
      const seen = fresh.get(nameInModel(component));
      if (seen !== undefined) {
        next = { component, found: seen };
      } else {
        signal?.throwIfAborted();
        const found = await assessor.assess(without(state.circuit, [component]));
        fresh.set(nameInModel(component), found);
        costs.set(nameInModel(component), costOf(component, found));
      }
    }
    const { component, found } = next;
    state = {
      ...state,
      ...found,
      circuit: without(state.circuit, [component]),
      pass: state.pass + 1,
      trace: [...state.trace, decisionOf(component, found.kl, state.kl, true, state.pass + 1)],
    };
  }
  return state;
}

/** Adds components that fit, the one that lowers KL the most first, until none lowers it. */
async function refill(
  model: Transformer,
  start: State,
  { assessor, candidates, largest, limit, signal }: FitSizeOptions,
): Promise<State> {
  let state = start;
  for (;;) {
    let best: { readonly component: Component; readonly found: Assessment } | undefined;
    const pass = state.pass + 1;
    const trials: Decision[] = [];
    for (const component of candidates) {
      if (keeps(state.circuit, component)) continue;
      const circuit = withComponents(state.circuit, [component]);
      if (bodyShare(model, circuit) > largest) continue;
      if (assessor.evaluations() >= limit) return state;
      signal?.throwIfAborted();
      const found = await assessor.assess(circuit);
      trials.push(decisionOf(component, state.kl, found.kl, true, pass));
      if (found.kl < (best?.found.kl ?? state.kl)) best = { component, found };
    }
    if (best === undefined) return { ...state, trace: [...state.trace, ...trials], settled: true };
    const { component, found } = best;
    state = {
      ...state,
      ...found,
      circuit: withComponents(state.circuit, [component]),
      pass,
      trace: [...state.trace, decisionOf(component, state.kl, found.kl, false, pass)],
    };
  }
}

/**
 * The circuit without all removable components: the result if evaluations were not sufficient for a better one.
 */
async function bare(model: Transformer, { assessor, candidates }: FitSizeOptions): Promise<FoundCircuit> {
  const circuit = without(wholeCircuit(shapeOf(model)), candidates);
  const found = await assessor.assess(circuit);
  return { circuit, ...found, trace: [], size: bodyShare(model, circuit), alpha: undefined, settled: false };
}

/** @param kl without the component; @param before with it. */
function decisionOf(
  component: Component,
  kl: number,
  before: number,
  pruned: boolean,
  pass: number,
): Decision {
  return { ...recordOf(component), kl, delta: kl - before, pruned, pass };
}
