/**
 * The measure of greater-than beside accuracy (Hanna, Liu and Variengien 2023, section 2): how much more
 * probability a model gives to years after the start year than to years up to it.
 */
import type { TaskTokenizer } from "../tasks/builtin/builtin-task.ts";
import { laterYearMass, startYear, twoDigits } from "../tasks/builtin/years.ts";
import type { EncodedExample } from "../tasks/encode-task.ts";
import { logProbabilities } from "./distribution.ts";

/**
 * Recognises examples that ask for a later year, of the built-in task or of a file like it: every prompt ends "…
 * year XXYY to XX", and its answers are exactly all later years.
 * @returns the tokens of "00" … "99"; undefined for any other task.
 */
export function yearScale(
  examples: readonly EncodedExample[],
  tokenizer: TaskTokenizer,
): readonly number[] | undefined {
  if (examples.length === 0 || examples.some(({ prompt }) => startYear(prompt) === undefined))
    return undefined;
  // A tokenizer without a token for every two digits can't have this task.
  const tokens = Array.from({ length: 100 }, (_, year) => tokenizer.encode(twoDigits(year)));
  if (tokens.some((ids) => ids.length !== 1)) return undefined;
  const years = tokens.flat();
  const asksForLater = ({ prompt, answers }: EncodedExample): boolean => {
    const later = years.slice((startYear(prompt) ?? 0) + 1);
    const accepted = new Set(answers.flat());
    return accepted.size === later.length && later.every((token) => accepted.has(token));
  };
  return examples.every(asksForLater) ? years : undefined;
}

/** @param logits at the answer position, [vocabulary]. @param years from {@link yearScale}. */
export function yearMass({ prompt }: EncodedExample, logits: Float32Array, years: readonly number[]): number {
  const start = startYear(prompt);
  if (start === undefined) throw new RangeError(`no start year in ${JSON.stringify(prompt)}`);
  return laterYearMass(logProbabilities(logits).map(Math.exp), years, start);
}
