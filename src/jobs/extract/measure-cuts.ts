/**
 * The size–KL curve of an extraction: the cuts that its search measured on the validation prompts, measured on the test
 * prompts too. All of it is measured on the patched model, which computes what a standalone model would.
 */
import { createEvaluator } from "../../discovery/evaluator/evaluator.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import type { RankedCut } from "../../discovery/searches/search.ts";
import { createAssessor, type JudgeAnswer } from "../../discovery/searches/target/assess.ts";
import type { SizeCurvePoint } from "../../export/size-curve-record.ts";
import { isRight } from "../../measure/compare.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import { countKept } from "../../transformer/circuit.ts";
import type { OnEvent } from "../events.ts";
import type { Model } from "../load-model.ts";
import { searchSets } from "../prompts.ts";

interface CutsJob {
  readonly runtime: Runtime;
  readonly model: Pick<Model, "transformer">;
  readonly encoded: EncodedTask;
  readonly replacements: Replacements;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

type Measures = Omit<SizeCurvePoint, "size" | "heads" | "mlps" | "neurons">;

/** Undefined where the cuts are no curve. */
export async function measureCuts(
  job: CutsJob,
  cuts: readonly RankedCut[] | undefined,
): Promise<SizeCurvePoint[] | undefined> {
  if (cuts === undefined || cuts.length < 2) return undefined;
  const onTest = job.encoded.test.length > 0 ? await testMeasures(job, cuts) : [];
  return cuts.map(({ circuit, size, kl, accuracy = Number.NaN }, at) => {
    const { head: heads, mlp: mlps, neuron: neurons } = countKept(circuit);
    const test = onTest[at];
    const measures: Measures = {
      kl: { validation: kl, ...(test && { test: test.kl }) },
      accuracy: { validation: accuracy, ...(test && { test: test.accuracy }) },
    };
    return { size, heads, mlps, neurons, ...measures };
  });
}

async function testMeasures(
  { runtime, model, encoded, replacements, signal, onEvent }: CutsJob,
  cuts: readonly RankedCut[],
): Promise<readonly { readonly kl: number; readonly accuracy: number }[]> {
  const { validation: prompts, scored } = searchSets({ ...encoded, validation: encoded.test });
  const evaluator = await createEvaluator(runtime, model.transformer, prompts, replacements, {
    ...{ scored, signal },
  });
  try {
    const judge: JudgeAnswer = (index, logits) => {
      const example = encoded.test[index];
      if (example === undefined) throw new RangeError(`no test example ${index}`);
      return isRight(example, logits);
    };
    const { assess } = createAssessor(evaluator, judge, [], undefined, signal);
    const measured: { kl: number; accuracy: number }[] = [];
    for (const { circuit } of cuts) {
      const { kl, accuracy = Number.NaN } = await assess(circuit);
      measured.push({ kl, accuracy });
      onEvent?.({ kind: "progress", step: "measure", done: measured.length, total: cuts.length });
    }
    return measured;
  } finally {
    await evaluator.close();
  }
}
