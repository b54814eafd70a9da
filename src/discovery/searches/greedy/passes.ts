/**
 * Tries the components that a search kept again, in the same order, by the same rule. The first pass judges a
 * component while the layers below are still whole; once these are pruned, it may have lost its use. A later pass
 * starts from the circuit of the previous one, so it keeps no more.
 */

import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import type { Decision, SearchResult } from "../decision.ts";
import { circuitOfTrace, openUnits, type SearchOptions, search } from "./search.ts";

export interface PassesOptions extends SearchOptions {
  /** The most passes; a pass that prunes nothing is the last. */
  readonly passes: number;
  /** Called before a pass; it tries `candidates` components; the decisions in `resumed` are reused. */
  readonly onPass?: (pass: number, candidates: number, resumed: readonly Decision[]) => void;
}

/**
 * The trace contains all passes. `onDecision` counts over all of them; its total is what is known so far.
 * `resume` may end in any pass.
 */
export async function searchInPasses(
  evaluator: Evaluator,
  model: Transformer,
  options: PassesOptions,
): Promise<SearchResult> {
  const { passes, onPass, onDecision, resume = [], ...rest } = options;
  const trace: Decision[] = [];
  let circuit = circuitOfTrace(model, []);
  let kl = 0;
  for (let pass = 1; pass <= passes; pass++) {
    const start = { circuit, kl, pass };
    const count = openUnits(model, options, start.circuit).length;
    if (count === 0) break;
    const before = trace.length;
    const known = resume.slice(before, before + count);
    onPass?.(pass, count, known);
    let result: SearchResult;
    if (known.length === count) {
      // Everything is decided, so nothing needs to be computed.
      const whole = circuitOfTrace(model, [...trace, ...known]);
      result = { circuit: whole, trace: known, kl: known.findLast(({ pruned }) => pruned)?.kl ?? kl };
    } else {
      if (pass > 1) await evaluator.restart(circuit, options.signal);
      const told: SearchOptions = {
        ...rest,
        resume: known,
        onDecision: (decision, done) => onDecision?.(decision, before + done, before + count),
      };
      result = await search(evaluator, model, told, start);
    }
    trace.push(...result.trace);
    ({ circuit, kl } = result);
    if (!result.trace.some(({ pruned }) => pruned)) break;
  }
  return { circuit, trace, kl };
}
