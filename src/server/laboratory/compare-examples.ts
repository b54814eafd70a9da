/**
 * Compares a circuit with its original on the prompts of its task, and lists the prompts that they answer
 * differently.
 */
import { readFile } from "node:fs/promises";
import { placeFile } from "../../files/write-file.ts";
import type { Model } from "../../jobs/load-model.ts";
import { answerLogits } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits } from "../../measure/compare.ts";
import { largestAmong, mostLikely } from "../../measure/distribution.ts";
import { type ShippedGraph, shippedLogits } from "../../measure/shipped-logits.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import type { EncodedExample, EncodedTask } from "../../tasks/encode-task.ts";
import type { ExamplesResult } from "../api.ts";

const mostDisagreements = 100;

export interface CompareJob {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly encoded: EncodedTask;
  readonly circuit: { readonly session: Session; readonly graph: ShippedGraph };
  /** The file that stores the result, which never changes. */
  readonly path: string;
}

export async function compareExamples(job: CompareJob): Promise<ExamplesResult> {
  const kept = await readKept(job.path);
  if (kept !== undefined) return kept;
  const result = await compare(job);
  await placeFile(job.path, JSON.stringify(result), { replaces: true });
  return result;
}

/** Undefined if nothing is stored or the file is damaged; then the result is computed again. */
async function readKept(path: string): Promise<ExamplesResult | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as ExamplesResult;
  } catch {
    return undefined;
  }
}

async function compare({ runtime, model, encoded, circuit }: CompareJob): Promise<ExamplesResult> {
  const splits: { -readonly [S in keyof ExamplesResult["splits"]]: ExamplesResult["splits"][S] } = {};
  const disagreements: ExamplesResult["disagreements"][number][] = [];
  const texts = (tokens: readonly number[]) =>
    tokens.map((token) => model.tokenizer.tokenText(token)).join("");
  // The test set first, because it did not choose the circuit.
  for (const split of ["test", "validation"] as const) {
    const examples = encoded[split].filter(({ answers }) => answers.length > 0);
    if (examples.length === 0) continue;
    const own = new Map<EncodedExample, readonly number[]>();
    const reference = new Map<EncodedExample, readonly number[]>();
    const { accuracy, originalAccuracy, kl } = await evaluateSplit(
      examples,
      noting(own, (prompts, visit) => shippedLogits(runtime, circuit.session, circuit.graph, prompts, visit)),
      noting(reference, (prompts, visit) => answerLogits(runtime, model.transformer, prompts, visit)),
    );
    splits[split] = {
      accuracy,
      ...(originalAccuracy !== undefined && { originalAccuracy }),
      ...(kl !== undefined && { kl }),
    };
    for (const example of examples) {
      const [mine, theirs] = [own.get(example) ?? [], reference.get(example) ?? []];
      if (disagreements.length === mostDisagreements || mine.join() === theirs.join()) continue;
      disagreements.push({
        prompt: example.prompt,
        answers: example.answers.map(texts),
        original: texts(theirs),
        circuit: texts(mine),
      });
    }
  }
  return { splits, disagreements };
}

/** Records each example's most likely answer from its logits. */
function noting(answers: Map<EncodedExample, readonly number[]>, give: GiveLogits): GiveLogits {
  return (prompts, visit) =>
    give(prompts, (index, logits) => {
      const example = prompts[index] as EncodedExample;
      const { scored, labels } = example;
      const vocabulary = logits.length / scored;
      answers.set(
        example,
        Array.from({ length: scored }, (_, at) => {
          const row = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
          return (labels === undefined ? undefined : largestAmong(labels, row)) ?? mostLikely(row);
        }),
      );
      visit(index, logits);
    });
}
