/**
 * Backward elimination: removes components from a circuit, one at a time, as long as the rest meets a target,
 * until no more can be removed. The result is 1-minimal: every component that it keeps was tried against this
 * very circuit, and without it the target is missed. Sets of several are not tried, because their number is
 * exponential.
 */
import { type Circuit, keeps, without } from "../../../transformer/circuit.ts";
import { freedSize } from "../../../transformer/circuit-size.ts";
import { type Component, nameInModel, recordOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import { walkComponents } from "../../evaluator/walk.ts";
import type { Decision } from "../decision.ts";
import type { Assessment, Assessor } from "./assess.ts";

export interface EliminateOptions {
  readonly assessor: Assessor;
  /** Whether a circuit is good enough. */
  readonly holds: (assessment: Assessment) => boolean;
  /**
   * The components that may be removed, in the order in which those of one size are tried; larger ones come
   * first.
   */
  readonly candidates: readonly Component[];
  /** No further evaluation begins once the assessor has counted this many. */
  readonly limit: number;
  /** The number of the first walk in the trace. */
  readonly pass: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Elimination extends Assessment {
  readonly circuit: Circuit;
  /** Every trial in order; each walk down the layers is a pass. */
  readonly trace: readonly Decision[];
  /** Whether every remaining component was tried against the final circuit. */
  readonly minimal: boolean;
}

/** @param start a circuit that meets the target, and its assessment. */
export async function eliminate(
  evaluator: Evaluator,
  model: Transformer,
  start: { readonly circuit: Circuit } & Assessment,
  { assessor, holds, candidates, limit, pass: firstPass, signal }: EliminateOptions,
): Promise<Elimination> {
  let { circuit } = start;
  let state: Assessment = { kl: start.kl, accuracy: start.accuracy };
  const trace: Decision[] = [];
  // Components that were tried against the present circuit.
  const needed = new Set<string>();
  let spent = false;
  for (let pass = firstPass; !spent; pass++) {
    const open = candidates.filter((each) => keeps(circuit, each) && !needed.has(nameInModel(each)));
    if (open.length === 0) break;
    const sizes = new Map(open.map((each) => [each, freedSize(model, circuit, each)]));
    const largest = Math.max(...sizes.values());
    const tried = open.filter((each) => sizes.get(each) === largest);
    await evaluator.restart(circuit, signal);
    await walkComponents(
      evaluator,
      model.blocks.length,
      circuit,
      tried,
      async (component, candidate) => {
        spent ||= assessor.evaluations() >= limit;
        if (spent) return false;
        const rest = without(circuit, [component]);
        const found = await assessor.assess(rest, candidate);
        const pruned = holds(found);
        const delta = found.kl - state.kl;
        trace.push({ ...recordOf(component), kl: found.kl, delta, pruned, pass });
        if (pruned) {
          circuit = rest;
          state = found;
          needed.clear();
        } else {
          needed.add(nameInModel(component));
        }
        return pruned;
      },
      { signal },
    );
  }
  return { circuit, ...state, trace, minimal: !spent };
}
