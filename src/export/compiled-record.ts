/** The record of a compiled circuit in circuit.json: the words that it accepts, and its measurements. */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { speedSchema } from "./speed-record.ts";

const split = z.enum(["patching", "validation", "test"]);
const count = z.int().min(0);

export const compiledSchema = z.object({
  /** The task that gave the words. */
  task: z.object({
    /** The task's name. */
    name: z.string(),
    /** SHA-256 of its file. */
    sha256: z.string(),
  }),
  /** For each position of a prompt, the token ids that may stand there, ascending. */
  tokens: z.array(z.array(count).min(1)).min(1),
  /** The tokens that the graph scores, in the order of the scores. */
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
  /**
   * How many entries the tables hold, and how many they would hold if every token were allowed at every position.
   */
  rows: z.object({
    /** Pairs of a token and a position. */
    pairs: count,
    /** Different tokens. */
    distinctTokens: count,
    /** Pairs, if every token were allowed at every position. */
    full: count,
  }),
  /**
   * Share of examples that are answered right: by the best of the answers, and by the circuit's best token of the
   * whole vocabulary.
   */
  accuracy: z.partialRecord(
    split,
    z.object({
      /** Of the compiled circuit: the best of the answers. */
      answers: z.number(),
      /** Of the circuit: the best of the whole vocabulary. */
      vocabulary: z.number(),
    }),
  ),
  /** Size of the weights file of the circuit that was compiled. */
  circuitBytes: count,
  /** Milliseconds a prompt, one at a time; the circuit and its compiled form are run in turns. */
  milliseconds: z.object({
    /** The circuit that was compiled. */
    circuit: z.number(),
    /** Its compiled form. */
    compiled: z.number(),
  }),
  /** The speed relative to the circuit that was compiled; files of earlier versions lack it. */
  speed: speedSchema.optional(),
  /**
   * The largest difference of an answer's logit, where the mean of each prompt's logits is subtracted: from the
   * circuit on all prompts of the task, and from the patched model on the validation and test sets if the
   * original was available.
   */
  verified: z.object({
    /** The difference from the circuit. */
    circuit: z.number().nonnegative(),
    /** The difference from the patched model. */
    patched: z.number().nonnegative().optional(),
  }),
});

export type CompiledRecord = z.infer<typeof compiledSchema>;

/**
 * Checks that facts which a record states twice agree. @param length of every prompt. @throws PithError
 * "circuit".
 */
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
