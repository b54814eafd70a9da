/**
 * Evaluates circuits on the validation prompts, each circuit only once however often it is requested. The number
 * of evaluations is the budget of a search for a target.
 */
import { type Circuit, circuitKey } from "../../../transformer/circuit.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import type { VisitAnswers } from "../../evaluator/scorer.ts";
import type { Candidate } from "../../evaluator/walk.ts";
import { mean } from "../../mean.ts";

export interface Assessment {
  /** KL(original ‖ circuit) in nats, mean over the validation prompts. */
  readonly kl: number;
  /** Share of the validation prompts that are right, 0 to 1; undefined if it is not measured. */
  readonly accuracy?: number | undefined;
}

/** One evaluation: plain data, for journals. */
export interface AssessmentEntry extends Assessment {
  /** The circuit, as `circuitKey` writes it. */
  readonly circuit: string;
}

/** Whether a prompt is answered right. @param logits at its answer positions, [positions × vocabulary]. */
export type JudgeAnswer = (index: number, logits: Float32Array) => boolean;

export interface Assessor {
  /** Evaluates the circuit unless it was evaluated before. @param candidate the same circuit, on trial. */
  assess(circuit: Circuit, candidate?: Candidate): Promise<Assessment>;
  /** How many circuits were evaluated, including those from a journal. */
  readonly evaluations: () => number;
}

/**
 * @param isRight left out if accuracy does not matter: then no logits are computed.
 * @param resume evaluations of an earlier run. @param onEntry called with every new one.
 */
export function createAssessor(
  evaluator: Evaluator,
  isRight: JudgeAnswer | undefined,
  resume: readonly AssessmentEntry[],
  onEntry: ((entry: AssessmentEntry) => Promise<void>) | undefined,
  signal: AbortSignal | undefined,
): Assessor {
  const taken = new Map(resume.map(({ circuit, ...assessment }) => [circuit, assessment]));
  const known = new Map<string, Assessment>();
  return {
    evaluations: () => known.size,
    async assess(circuit, candidate) {
      const key = circuitKey(circuit);
      const before = known.get(key) ?? taken.get(key);
      if (before !== undefined) {
        known.set(key, before);
        return before;
      }
      const right: number[] = [];
      const visit: VisitAnswers | undefined =
        isRight &&
        ((index, logits) => {
          right[index] = Number(isRight(index, logits));
        });
      const kls = await (candidate?.kl(visit) ?? evaluator.measure(circuit, visit, signal));
      const assessment: Assessment = {
        kl: mean(kls, evaluator.weights),
        ...(isRight && { accuracy: mean(Float64Array.from(right), evaluator.weights) }),
      };
      known.set(key, assessment);
      await onEntry?.({ circuit: key, ...assessment });
      return assessment;
    },
  };
}
