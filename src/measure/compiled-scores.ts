/** A compiled circuit's scores, and other models' logits of the same answers, so that the two can be compared. */
import { makeBatches } from "../discovery/batch.ts";
import { PithError } from "../errors.ts";
import type { HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { EncodedExample } from "../tasks/encode-task.ts";
import type { ScoredPrompt } from "./answer-logits.ts";
import type { GiveLogits } from "./compare.ts";
import { requireFinite } from "./finite-logits.ts";

/** What circuit.json lists of a compiled circuit's words. */
export interface CompiledWords {
  /** For each position, the token ids that may stand there. */
  readonly tokens: readonly (readonly number[])[];
  readonly answers: readonly { readonly id: number }[];
}

/** A token of a prompt that a compiled circuit was not compiled for. */
export interface Stranger {
  readonly position: number;
  readonly id: number;
}

/** Most of what is left after the tables is one position a prompt, so that more of them go together. */
const tokensPerRun = 4096;

/** The first token of a prompt of the right length that has no row in the tables. */
export function findStranger({ tokens }: CompiledWords, ids: readonly number[]): Stranger | undefined {
  const position = ids.findIndex((id, at) => tokens[at]?.includes(id) !== true);
  return position < 0 ? undefined : { position, id: ids[position] ?? Number.NaN };
}

/**
 * Gives [answers] where other models give [vocabulary]. Prompts are of the circuit's length, and without strangers.
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

/** A model that is asked for the answers alone. */
export function ofAnswers(give: GiveLogits, answers: CompiledWords["answers"]): GiveLogits {
  return (prompts: readonly ScoredPrompt[], visit) =>
    give(prompts, (index, logits) =>
      visit(
        index,
        Float32Array.from(answers, ({ id }) => logits[id] ?? Number.NaN),
      ),
    );
}

/** The same less their mean: what a softmax over the answers sees, and what float32 keeps most digits of. */
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

/** An example whose answers and labels are places among a compiled circuit's answers. */
export function withPlaces(example: EncodedExample, answers: CompiledWords["answers"]): EncodedExample {
  const place = (id: number | undefined) => answers.findIndex((answer) => answer.id === id);
  return {
    ...example,
    // An answer that is not scored can't be given: it stays in the list as a place that no score has.
    answers: example.answers.map((answer) => answer.map(place)),
    ...(example.labels && { labels: example.labels.map(place).filter((at) => at >= 0) }),
  };
}
