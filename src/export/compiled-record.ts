/** What circuit.json says of a compiled circuit: the words that it takes, and how it was measured. */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { speedSchema } from "./speed-record.ts";

const split = z.enum(["patching", "validation", "test"]);
const count = z.int().min(0);

export const compiledSchema = z.object({
  /** The task whose words they are. */
  task: z.object({
    /** The task's name. */
    name: z.string(),
    /** SHA-256 of its file. */
    sha256: z.string(),
  }),
  /** For each position of a prompt, the token ids that may stand there, ascending. */
  tokens: z.array(z.array(count).min(1)).min(1),
  /** What the graph's scores are of, in their order. */
  answers: z
    .array(
      z.object({
        /** The token's id. */
        id: count,
        /** Its text, printable. */
        token: z.string(),
      }),
    )
    .min(1),
  /** How much the tables hold, and how much they would if any of the tokens could stand anywhere. */
  rows: z.object({
    /** Pairs of a token and a position. */
    pairs: count,
    /** Different tokens. */
    distinctTokens: count,
    /** Pairs, if any of the tokens could stand anywhere. */
    full: count,
  }),
  /** Share of examples that are right: the best of the answers, and the circuit's best of the whole vocabulary. */
  accuracy: z.partialRecord(
    split,
    z.object({
      /** Of the compiled circuit: the best of the answers. */
      answers: z.number(),
      /** Of the circuit: the best of the whole vocabulary. */
      vocabulary: z.number(),
    }),
  ),
  /** Weights file of the circuit that was compiled. */
  circuitBytes: count,
  /** Milliseconds a prompt, one at a time: the circuit and its compiled form, in turns. */
  milliseconds: z.object({
    /** The circuit that was compiled. */
    circuit: z.number(),
    /** Its compiled form. */
    compiled: z.number(),
  }),
  /** How many times as fast as the circuit that was compiled; files of earlier versions lack it. */
  speed: speedSchema.optional(),
  /**
   * The largest difference of an answer's logit, each prompt's logits less their mean: to the circuit on all
   * prompts of the task, and to the patched model on the validation and test sets where the original was at hand.
   */
  verified: z.object({
    /** To the circuit. */
    circuit: z.number().nonnegative(),
    /** To the patched model. */
    patched: z.number().nonnegative().optional(),
  }),
});

export type CompiledRecord = z.infer<typeof compiledSchema>;

/** What a record says twice must agree. @param length of every prompt. @throws PithError "circuit". */
export function checkCompiled(record: CompiledRecord, length: number | undefined, file: string): void {
  const { tokens, answers, rows } = record;
  const fail = (field: string, message: string): PithError =>
    new PithError("circuit", message, { place: { file, field: `compiled.${field}` } });
  if (tokens.length !== length) {
    throw fail("tokens", `has ${tokens.length} positions, but the profile is not of that length`);
  }
  const isAscending = (ids: readonly number[]) => ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? 0));
  for (const [position, ids] of tokens.entries()) {
    if (!isAscending(ids)) throw fail(`tokens[${position}]`, "must list token ids once, ascending");
  }
  if (!isAscending(answers.map(({ id }) => id))) throw fail("answers", "must list token ids once, ascending");
  const pairs = tokens.reduce((sum, ids) => sum + ids.length, 0);
  if (rows.pairs !== pairs) throw fail("rows.pairs", `is ${rows.pairs}, but ${pairs} are listed`);
}
