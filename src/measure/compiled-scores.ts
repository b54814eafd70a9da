/**
 * Scores of a compiled circuit, and other models' logits of the same answers, in a form in which they can be
 * compared.
 */
import { makeBatches } from "../discovery/batch.ts";
import { PithError } from "../errors.ts";
import type { HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { EncodedExample } from "../tasks/encode-task.ts";
import type { ScoredPrompt } from "./answer-logits.ts";
import type { GiveLogits } from "./compare.ts";
import { requireFinite } from "./finite-logits.ts";

/** The words of a compiled circuit, as circuit.json lists them. */
export interface CompiledWords {
  /** For each position, the token ids that are allowed there. */
  readonly tokens: readonly (readonly number[])[];
  readonly answers: readonly { readonly id: number }[];
}

/** A token of a prompt for which a circuit was not compiled. */
export interface Stranger {
  readonly position: number;
  readonly id: number;
}

/**
 * After the tables, most of the remaining work is for one position a prompt, so one run can take more prompts
 * than elsewhere.
 */
const tokensPerRun = 4096;

/** The first token of a prompt of the right length that has no row in the tables. */
export function findStranger({ tokens }: CompiledWords, ids: readonly number[]): Stranger | undefined {
  const position = ids.findIndex((id, at) => tokens[at]?.includes(id) !== true);
  return position < 0 ? undefined : { position, id: ids[position] ?? Number.NaN };
}

/**
 * Gives logits [answers] where other models give [vocabulary]. Prompts must have the circuit's length and only
 * known tokens.
 */
export function compiledScores(
  runtime: Runtime,
  session: Session,
  { answers }: CompiledWords,
  signal?: AbortSignal,
): GiveLogits {
  return async (prompts, visit) => {
    const batches = makeBatches(
      prompts.map(({ forced }) => forced),
      tokensPerRun,
    );
    for (const { ids, members, length } of batches) {
      signal?.throwIfAborted();
      const input_ids: HostTensor = {
        type: "int64",
        shape: [ids.length, length],
        data: BigInt64Array.from(ids.flat(), BigInt),
      };
      const { scores } = await session.run({ input_ids });
      if (scores === undefined) {
        throw new PithError("circuit", "the compiled circuit's graph has no output scores.", {
          advice: "Compile it anew: its files are not of one circuit.",
        });
      }
      const values = await runtime.readFloats(scores);
      await runtime.release(scores);
      if (values.length !== ids.length * answers.length) {
        throw new PithError(
          "circuit",
          `circuit.json names ${answers.length} answers, but the graph scores ${values.length / ids.length}.`,
          { advice: "Compile it anew: its files are not of one circuit." },
        );
      }
      for (const [row, member] of members.entries()) {
        const own = values.subarray(row * answers.length, (row + 1) * answers.length);
        requireFinite(own, "compiled circuit");
        visit(member, own);
      }
    }
  };
}

/** Restricts a model's logits to the answers. */
export function ofAnswers(give: GiveLogits, answers: CompiledWords["answers"]): GiveLogits {
  return (prompts: readonly ScoredPrompt[], visit) =>
    give(prompts, (index, logits) =>
      visit(
        index,
        Float32Array.from(answers, ({ id }) => logits[id] ?? Number.NaN),
      ),
    );
}

/**
 * Subtracts the mean of the logits: the softmax over the answers stays the same, and float32 keeps more digits.
 */
export function centred(give: GiveLogits): GiveLogits {
  return (prompts, visit) =>
    give(prompts, (index, logits) => {
      const mean = logits.length < 2 ? 0 : logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
      visit(
        index,
        logits.map((logit) => logit - mean),
      );
    });
}

/** An example whose answers and labels are indices among a compiled circuit's answers. */
export function withPlaces(example: EncodedExample, answers: CompiledWords["answers"]): EncodedExample {
  const place = (id: number | undefined) => answers.findIndex((answer) => answer.id === id);
  return {
    ...example,
    // An answer without a score can never be given: it stays in the list as an index that no score has.
    answers: example.answers.map((answer) => answer.map(place)),
    ...(example.labels && { labels: example.labels.map(place).filter((at) => at >= 0) }),
  };
}
