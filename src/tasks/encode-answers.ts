/** Encodes an example's answers, labels and distractors as tokens, and describes what is wrong with them. */
import { type ErrorPlace, PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TaskExample } from "./task-example.ts";

export type AnswerTokenizer = Pick<Tokenizer, "encode" | "tokenText">;

/** Encodes each text only once, because tasks repeat few answers many times. */
export function remembering(tokenizer: AnswerTokenizer): AnswerTokenizer {
  const known = new Map<string, number[]>();
  return {
    tokenText: tokenizer.tokenText,
    encode: (text) => {
      const ids = known.get(text) ?? tokenizer.encode(text);
      known.set(text, ids);
      return ids;
    },
  };
}

/**
 * Answers of one token each, or a single answer of several tokens, which is possible only with pooled means.
 * @throws PithError "task" with the place for any other.
 */
export function encodeAnswers(
  answers: readonly string[],
  tokenizer: AnswerTokenizer,
  means: "aligned" | "pooled",
  place: ErrorPlace,
): readonly (readonly number[])[] {
  return answers.map((answer) => {
    const ids = tokenizer.encode(answer);
    if (ids.length === 1) return ids;
    const found = `the answer ${quote(answer)} is ${showTokens(ids, tokenizer)}`;
    if (ids.length === 0) throw new PithError("task", found, { place });
    // The usual mistake is a missing space: words inside a text include the space before them.
    const spaced = !answer.startsWith(" ") && tokenizer.encode(` ${answer}`).length === 1;
    if (answers.length > 1) {
      throw new PithError("task", `${found}; of several accepted answers each must be one.`, {
        place,
        advice: spaced ? spacedAdvice(answer) : "Give one answer, or answers that the tokenizer has whole.",
      });
    }
    if (means === "pooled") return ids;
    throw new PithError("task", `${found}; with aligned means it must be one.`, {
      place,
      advice: spaced
        ? spacedAdvice(answer)
        : "Circuits with pooled means (pith extract --means pooled) take answers of several tokens.",
    });
  });
}

/**
 * Detects a valid answer that is probably a mistake: one of several tokens that would be one token with a space
 * before it.
 * @returns a sentence on the first such answer; undefined when there is none.
 */
export function missingSpace(
  examples: readonly TaskExample[],
  tokenizer: AnswerTokenizer,
  file: string,
): string | undefined {
  const seen = new Set<string>();
  for (const { answers, line } of examples) {
    for (const answer of answers) {
      if (seen.has(answer)) continue;
      seen.add(answer);
      const tokens = tokenizer.encode(answer).length;
      if (tokens < 2 || answer.startsWith(" ") || tokenizer.encode(` ${answer}`).length !== 1) continue;
      return `${file}:${line}: the answer ${quote(answer)} is ${tokens} tokens. ${spacedAdvice(answer)}`;
    }
  }
  return undefined;
}

function spacedAdvice(word: string): string {
  return `With a space before it, ${quote(` ${word}`)}, it is one.`;
}

/**
 * Labels of one token each, all different; every answer must be one of them.
 * @throws PithError "task" with the place otherwise.
 */
export function encodeLabels(
  labels: readonly string[],
  answers: readonly string[],
  tokenizer: AnswerTokenizer,
  place: ErrorPlace,
): readonly number[] {
  const shown = labels.map(quote).join(", ");
  if (labels.length < 2) {
    throw new PithError("task", `${shown === "" ? "no label" : `only the label ${shown}`}.`, {
      place,
      advice: "Classification needs two labels at least.",
    });
  }
  const stray = answers.find((answer) => !labels.includes(answer));
  if (stray !== undefined) {
    throw new PithError("task", `the answer ${quote(stray)} is none of the labels ${shown}.`, {
      place,
      advice: "Labels and answers must agree to the letter, with their spaces.",
    });
  }
  const ids = labels.map((label) => oneToken("label", label, tokenizer, place));
  const twice = labels.find((_, at) => ids.indexOf(ids[at] ?? -1) !== at);
  if (twice === undefined) return ids;
  throw new PithError("task", `the label ${quote(twice)} is the same token as one before it`, { place });
}

function oneToken(
  kind: "label" | "distractor",
  text: string,
  tokenizer: AnswerTokenizer,
  place: ErrorPlace,
): number {
  const own = tokenizer.encode(text);
  const [id] = own;
  if (id !== undefined && own.length === 1) return id;
  const spaced = !text.startsWith(" ") && tokenizer.encode(` ${text}`).length === 1;
  throw new PithError(
    "task",
    `the ${kind} ${quote(text)} is ${showTokens(own, tokenizer)}; it must be one.`,
    {
      place,
      advice: spaced ? spacedAdvice(text) : `Choose a ${kind} that the tokenizer has whole.`,
    },
  );
}

/**
 * Distractors of one token each, none of them an accepted answer's token.
 * @throws PithError "task" with the place otherwise.
 */
export function encodeDistractors(
  distractors: readonly string[],
  answers: readonly (readonly number[])[],
  tokenizer: AnswerTokenizer,
  place: ErrorPlace,
): readonly number[] {
  const ids = distractors.map((distractor) => oneToken("distractor", distractor, tokenizer, place));
  const right = distractors.find((_, at) => answers.some(([token]) => token === ids[at]));
  if (right === undefined) return [...new Set(ids)];
  throw new PithError("task", `the distractor ${quote(right)} begins with an answer's token`, { place });
}

function showTokens(ids: readonly number[], tokenizer: AnswerTokenizer): string {
  if (ids.length === 0) return "no tokens";
  const pieces = ids.slice(0, 12).map((id) => `"${tokenizer.tokenText(id)}"`);
  return `${ids.length} tokens, ${pieces.join(" + ")}${ids.length > 12 ? " + …" : ""}`;
}
