/** Measures any circuit of an original on a set of prompts: KL, accuracy, different answers, logit difference. */
import type { Evaluator } from "../../discovery/evaluator/evaluator.ts";
import { mean } from "../../discovery/mean.ts";
import { isRight } from "../../measure/compare.ts";
import { largestAmong, logSumExp, mostLikely } from "../../measure/distribution.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import { bodyShare } from "../../transformer/circuit-size.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { MeasuredEvidence } from "./evidence-result.ts";

export interface AssessedCircuit extends MeasuredEvidence {
  /** The mean logit difference; undefined unless every prompt names distractors. */
  readonly logitDifference: number | undefined;
}

/** What is shown of a circuit. */
export const measuredOf = ({ size, kl, accuracy, answers }: AssessedCircuit): MeasuredEvidence => ({
  ...{ size, kl, accuracy, answers },
});

/** @param evaluator of these examples, in their order. */
export async function assessCircuit(
  evaluator: Pick<Evaluator, "measure">,
  model: Transformer,
  examples: readonly EncodedExample[],
  circuit: Circuit,
  signal: AbortSignal | undefined,
): Promise<AssessedCircuit> {
  const answers = new Set<number>();
  const differences: number[] = [];
  let right = 0;
  const kls = await evaluator.measure(
    circuit,
    (index, logits) => {
      const example = examples[index];
      if (example === undefined) throw new RangeError(`no example ${index}`);
      right += Number(isRight(example, logits));
      const first = logits.subarray(0, logits.length / example.scored);
      const { labels, distractors } = example;
      answers.add((labels && largestAmong(labels, first)) ?? mostLikely(first));
      if (distractors !== undefined) differences.push(logitDifference(example.answers, distractors, first));
    },
    signal,
  );
  return {
    size: bodyShare(model, circuit),
    kl: mean(kls),
    accuracy: right / examples.length,
    answers: answers.size,
    logitDifference:
      differences.length === examples.length ? mean(Float64Array.from(differences)) : undefined,
  };
}

function logitDifference(
  answers: EncodedExample["answers"],
  distractors: readonly number[],
  logits: Float32Array,
): number {
  const of = (tokens: readonly number[]) =>
    logSumExp(Float32Array.from(tokens, (token) => logits[token] ?? Number.NaN));
  return of(answers.flatMap(([token]) => token ?? [])) - of(distractors);
}
