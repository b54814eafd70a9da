/** The logits of a shipped circuit on examples: over the vocabulary, or over its answers if it is compiled. */

import { shippedGraph } from "../../export/ask-circuit.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { GiveLogits } from "../../measure/compare.ts";
import { compiledScores, ofAnswers, withPlaces } from "../../measure/compiled-scores.ts";
import { shippedLogits } from "../../measure/shipped-logits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { DtypeJob } from "./export-dtype.ts";

export interface MeasuredAsOptions {
  readonly runtime: Runtime;
  /** The original, over the vocabulary. */
  readonly reference: GiveLogits | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @param examples as the circuit reads them, with tokens as answers. */
export function measuredAs(
  circuit: CircuitFile,
  examples: DtypeJob["examples"],
  { runtime, reference, signal }: MeasuredAsOptions,
): Pick<DtypeJob, "give" | "examples" | "original"> {
  const { compiled } = circuit;
  if (compiled === undefined) {
    const shipped = shippedGraph(circuit);
    return {
      give: (session) => (prompts, visit) => shippedLogits(runtime, session, shipped, prompts, visit, signal),
      examples,
      original: reference,
    };
  }
  const placed = (members: readonly EncodedExample[] = []) =>
    members.map((example) => withPlaces(example, compiled.answers));
  return {
    give: (session) => compiledScores(runtime, session, compiled, signal),
    examples: { validation: placed(examples.validation), test: placed(examples.test) },
    original: reference && ofAnswers(reference, compiled.answers),
  };
}
