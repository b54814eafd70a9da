/** Checks a bootstrap's journaled runs: whether runs of this bootstrap can have such results. */
import { circuitKey } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { BootstrapRun } from "./bootstrap.ts";
import { faultInAssessment } from "./searches/target/check-assessment.ts";
import type { StepFault } from "./step-fault.ts";

/** @param runs of a bootstrap, in any order. */
export function faultInRuns(model: Transformer, runs: readonly BootstrapRun[]): StepFault | undefined {
  const seen = new Set<number>();
  for (const [index, { run, circuit, kl }] of runs.entries()) {
    if (seen.has(run)) return { index, why: "an entry before it is of the same run" };
    seen.add(run);
    const why = faultInAssessment(model, { circuit: circuitKey(circuit), kl });
    if (why !== undefined) return { index, why };
  }
  return undefined;
}
