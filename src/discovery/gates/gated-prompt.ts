/** The prompts of a model with gates, and their answer positions. */

/** A prompt with what is right after it. */
export interface GatedPrompt {
  readonly ids: readonly number[];
  /**
   * The tokens that are right, for each answer position: the prompt's last ones, at least one. Empty where no answer is
   * known: such a prompt has a KL alone.
   */
  readonly accepted: readonly (readonly number[])[];
  /** Wrong answers, at the first answer position. */
  readonly distractors?: readonly number[];
}

/** One of the answer positions of a prompt. */
export interface AnswerRow {
  readonly prompt: number;
  /** The prompt's place among those that are asked for. */
  readonly place: number;
  /** Among the prompt's answer positions, of which there are so many. */
  readonly position: number;
  readonly of: number;
}

/** The answer positions of some prompts, prompt after prompt. */
export function answerRowsOf(
  prompts: readonly GatedPrompt[],
  asked: readonly number[],
): readonly AnswerRow[] {
  return asked.flatMap((prompt, place) => {
    const of = prompts[prompt]?.accepted.length ?? 0;
    return Array.from({ length: of }, (_, position) => ({ prompt, place, position, of }));
  });
}
