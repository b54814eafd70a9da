/** Checks journaled decisions: whether the greedy search can have made them. */
import { wholeCircuit, without } from "../../../transformer/circuit.ts";
import { type Component, shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import { faultOfUnit, type StepFault } from "../../step-fault.ts";
import type { Decision } from "../decision.ts";
import type { PassesOptions } from "./passes.ts";
import { mayGo, openUnits } from "./search.ts";

/** @param decisions of a search in passes, from its first on. */
export function faultInDecisions(
  model: Transformer,
  options: Pick<PassesOptions, "alpha" | "maxKl" | "mlps" | "order" | "passes" | "units" | "earlyExit">,
  decisions: readonly Decision[],
): StepFault | undefined {
  let circuit = wholeCircuit(shapeOf(model));
  let kl = 0;
  let index = 0;
  for (let pass = 1; pass <= options.passes; pass++) {
    const gone: Component[] = [];
    for (const unit of openUnits(model, options, circuit)) {
      const decision = decisions[index];
      if (decision === undefined) return undefined;
      const why =
        faultOfUnit(unit, decision) ??
        (decision.pass === (pass > 1 ? pass : undefined)
          ? undefined
          : `it is of another pass than ${pass}`) ??
        faultOfRule(decision, kl, options);
      if (why !== undefined) return { index, why };
      if (decision.pruned) {
        gone.push(...unit);
        kl = decision.kl;
      }
      index++;
    }
    if (gone.length === 0) break;
    circuit = without(circuit, gone);
  }
  return index < decisions.length ? { index, why: "the search had ended before it" } : undefined;
}

/** @param before the KL after the previous decisions. */
function faultOfRule(
  { kl, delta, pruned, atLeast }: Decision,
  before: number,
  { alpha, maxKl, earlyExit }: Pick<PassesOptions, "alpha" | "maxKl" | "earlyExit">,
): string | undefined {
  if (!Number.isFinite(kl)) return "its KL is not finite";
  if (delta !== kl - before) return `its KL is ${kl} after ${before}, and it says that it grew by ${delta}`;
  if (atLeast === true && (pruned || earlyExit !== true)) {
    return `its KL is a lower bound, which ${pruned ? "prunes nothing" : "only an early exit gives"}`;
  }
  if (pruned === mayGo(kl, delta, alpha, maxKl)) return undefined;
  return `a KL that grows by ${delta} ${pruned ? "keeps" : "prunes"} a component at α = ${alpha}`;
}
