/**
 * Draws prompts without replacement from all that a task's words can form. All combinations are numbered, and
 * their numbers are drawn in random order, so that no prompt is drawn twice. So the splits can't share a prompt,
 * and if there are too few words, the exact number of possible prompts is known.
 */
import { PithError } from "../../errors.ts";
import { createRandom, type Random } from "../random.ts";
import type { Split, TaskExample } from "../task-file.ts";
import type { BuiltinTaskOptions } from "./builtin-task.ts";

interface DrawnPrompt {
  readonly prompt: string;
  readonly answers: readonly string[];
  /** The texts that the answer is chosen from, if the task compares it only with the wrong answers. */
  readonly labels?: readonly string[];
  /** The wrong answers that the right ones are compared with by their logits; left out: none, or the wrong labels. */
  readonly distractors?: readonly string[];
}

export interface PromptSpace {
  /** The task's name in errors. */
  readonly task: string;
  /** How many choices there are for each part of a prompt, e.g. names, other names, places, objects. */
  readonly sizes: readonly number[];
  /** The prompt of one choice for each part; undefined for a choice that gives no prompt. */
  readonly build: (choice: readonly number[]) => DrawnPrompt | undefined;
}

/**
 * The only size of a space with too many combinations to be numbered: each number is the seed of one prompt's
 * random choices.
 */
export const SEEDED_SPACE = 2 ** 32;

/** The limit for one split; task files accept 2²⁰ examples in all. */
const MOST_PROMPTS = 2 ** 18;

/**
 * After this many draws in a row without a new prompt, drawing ends: a large space may contain hardly any
 * prompts.
 */
const MOST_MISSES = 10_000;

const SPLITS: readonly Split[] = ["patching", "validation", "test"];

/**
 * @param defaultCount prompts of a split whose count is left out.
 * @returns patching, validation, test, in this order; patching examples have no answers, because means need none.
 * @throws PithError "task" when the space has fewer distinct prompts than requested, or gives none in 10,000
 * draws in a row; "options" for an invalid count or seed.
 */
export function drawPrompts(
  space: PromptSpace,
  options: BuiltinTaskOptions,
  defaultCount: number,
): readonly TaskExample[] {
  const splits = SPLITS.flatMap((split) => {
    const count = options.counts?.[split] ?? defaultCount;
    if (!Number.isSafeInteger(count) || count < 0 || count > MOST_PROMPTS) {
      throw new PithError("options", `${count} is no number of prompts from 0 to ${MOST_PROMPTS}`, {
        place: { field: split },
      });
    }
    return Array.from({ length: count }, () => split);
  });
  const examples: TaskExample[] = [];
  const seen = new Set<string>();
  const capacity = space.sizes.reduce((product, size) => product * size, 1);
  if (splits.length === 0) return examples;
  let misses = 0;
  for (const index of randomOrder(createRandom(options.seed ?? 0), capacity)) {
    const drawn = space.build(choiceOf(index, space.sizes));
    if (drawn === undefined || seen.has(drawn.prompt) || !fits(drawn, options.acceptsAnswer)) {
      misses++;
      if (misses === MOST_MISSES) break;
      continue;
    }
    misses = 0;
    seen.add(drawn.prompt);
    const split = splits[examples.length];
    const { prompt, answers, labels, distractors } = drawn;
    examples.push({
      prompt,
      ...(split === "patching"
        ? { answers: [] }
        : { answers, ...(labels && { labels }), ...(distractors && { distractors }) }),
      split,
      line: examples.length + 1,
    });
    if (examples.length === splits.length) return examples;
  }
  const found =
    misses === MOST_MISSES
      ? `gave ${examples.length}, and then no more in ${MOST_MISSES} tries.`
      : `make only ${examples.length}.`;
  throw new PithError(
    "task",
    `${space.task}: ${splits.length} prompts are asked for, but the words that this tokenizer leaves ${found}`,
    {
      advice:
        "Take another task, or write a task file (docs/tasks.md); in a program, `counts` asks for fewer prompts.",
    },
  );
}

function fits(
  { answers, labels = [], distractors = [] }: DrawnPrompt,
  accepts: BuiltinTaskOptions["acceptsAnswer"],
): boolean {
  const alone = answers.length === 1 && labels.length === 0;
  return (
    accepts === undefined || [...answers, ...labels, ...distractors].every((text) => accepts(text, alone))
  );
}

/**
 * 0 … count − 1 in random order, generated one at a time: Fisher and Yates on a list that is only stored where it
 * differs from the identity.
 * @internal
 */
export function* randomOrder(random: Random, count: number): Generator<number, void> {
  if (count > Number.MAX_SAFE_INTEGER) {
    throw new PithError("options", "the word lists make more prompts than can be numbered (2⁵³ − 1).", {
      advice: "Give shorter lists.",
    });
  }
  const moved = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const j = i + below(random, count - i);
    yield moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    moved.delete(i);
  }
}

/** Uniform in 0 … bound − 1 for bounds above 2³² too. */
function below(random: Random, bound: number): number {
  if (bound <= 2 ** 32) return random.below(bound);
  const highBound = Math.ceil(bound / 2 ** 21);
  for (;;) {
    const value = random.below(highBound) * 2 ** 21 + random.below(2 ** 21);
    if (value < bound) return value;
  }
}

/** The digits of a number in a mixed-radix system with the bases `sizes`; the last digit changes fastest. */
function choiceOf(index: number, sizes: readonly number[]): readonly number[] {
  let rest = index;
  return sizes
    .toReversed()
    .map((size) => {
      const digit = rest % size;
      rest = Math.floor(rest / size);
      return digit;
    })
    .reverse();
}
