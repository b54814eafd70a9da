/**
 * Tries again what a search kept, in the same order, by the same rule. The first pass judges a component beside
 * layers below that are still whole; once these are pruned, it may have lost its use. A later pass starts from the
 * circuit that the one before left, so it keeps no more.
 */

import { keeps } from "../../../transformer/circuit.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import type { Decision, SearchResult } from "../decision.ts";
import { candidates, circuitOfTrace, type SearchOptions, search } from "./search.ts";

export interface PassesOptions extends SearchOptions {
  /** How many passes are made at most; one that prunes nothing is the last. */
  readonly passes: number;
  /** Called before a pass; `candidates` it tries, `resumed` of which are taken over. */
  readonly onPass?: (pass: number, candidates: number, resumed: readonly Decision[]) => void;
}

/**
 * The trace holds all passes. `onDecision` counts on through them, its total being what is known so far.
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
    const count = candidates(model, options).filter((component) => keeps(start.circuit, component)).length;
    if (count === 0) break;
    const before = trace.length;
    const known = resume.slice(before, before + count);
    onPass?.(pass, count, known);
    let result: SearchResult;
    if (known.length === count) {
      // All decided: nothing needs to be computed.
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
