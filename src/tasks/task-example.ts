/**
 * One example of a task, from the parsed value of a line or a row of any format. This is the only place that
 * defines the fields and their values.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { quote, showValue } from "../printable.ts";

/** The purpose of an example: the means, the pruning decisions, or the reported accuracy. */
export type Split = "patching" | "validation" | "test";

/** One example of a task: a prompt and the answers that are right. */
export interface TaskExample {
  /** The prompt. */
  readonly prompt: string;
  /** The accepted answers; empty only where the split is patching. */
  readonly answers: readonly string[];
  /** Classification: the texts that an answer is chosen from. Left out: the whole vocabulary. */
  readonly labels?: readonly string[];
  /**
   * Wrong answers that the right ones are compared with by their logits (`--metric logit-difference`), without changing
   * what counts as right. Left out: the labels that are not right, if there are labels.
   */
  readonly distractors?: readonly string[];
  /** True where the prompt is the user's turn of a chat; left out: it is read as it stands. */
  readonly chat?: true;
  /** In a chat, the text of a system turn before the prompt; left out: none. */
  readonly system?: string;
  /** The split that it belongs to; undefined when the file states none. */
  readonly split: Split | undefined;
  /** The line of the file, counted from 1. */
  readonly line: number;
}

/** The place of an example in errors. */
export interface ExamplePlace {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

// A lone surrogate is not valid Unicode text and would reach the model as U+FFFD.
const text = z
  .string()
  .min(1, "must not be empty")
  .refine((value) => !/\p{Surrogate}/u.test(value), "holds a lone surrogate, which is no text");
const answers = z.array(text).min(1, "must name at least one answer");
const schema = z.strictObject({
  prompt: text,
  answer: text.optional(),
  answers: answers.optional(),
  labels: z.array(text).min(2, "must name at least two").optional(),
  distractors: z.array(text).min(1, "must name at least one wrong answer").optional(),
  // Cells of CSV hold texts.
  chat: z.union([z.boolean(), z.stringbool({ truthy: ["true"], falsy: ["false"] })]).optional(),
  system: text.optional(),
  split: z.enum(["patching", "validation", "test"]).optional(),
});

/** As an error's advice. */
const allowedFields =
  'Only "prompt", "answers" (or "answer"), "labels", "distractors", "chat", "system" and "split" may stand there.';

/**
 * @param value from JSON or from the cells of a row.
 * @throws PithError "task" with the place, and with the field if one is at fault.
 */
function parseExample(value: unknown, place: ExamplePlace): TaskExample {
  const result = schema.safeParse(value);
  if (!result.success) throw exampleError(result.error.issues[0], value, place);

  const { prompt, answer, answers, labels, distractors, chat, system, split } = result.data;
  if (answer !== undefined && answers !== undefined) {
    throw new PithError("task", 'both "answer" and "answers".', { place, advice: "Keep one of them." });
  }
  const accepted = answers ?? (answer === undefined ? [] : [answer]);
  if (accepted.length === 0 && split !== "patching") {
    throw new PithError("task", 'no "answers".', {
      place,
      advice: "Only examples of the patching split may go without.",
    });
  }
  if (labels !== undefined && distractors !== undefined) {
    throw new PithError("task", 'both "labels" and "distractors".', {
      place,
      advice: "Keep the labels: those that are not right are the distractors.",
    });
  }
  const shared = distractors?.find((each) => accepted.includes(each));
  if (shared !== undefined) {
    throw new PithError("task", `${quote(shared)} is both an answer and a distractor.`, {
      place,
      advice: "Distractors are wrong answers.",
    });
  }
  if (system !== undefined && chat === false) {
    throw new PithError("task", 'a "system" text without a chat.', {
      place,
      advice: "Leave one of them out.",
    });
  }
  return {
    ...{ prompt, answers: accepted, ...(labels && { labels }) },
    ...(distractors && { distractors }),
    ...(chat === true && { chat }),
    ...(system !== undefined && { system }),
    ...{ split, line: place.line },
  };
}

/** The same, but the error is returned: a caller that looks for all faults of a file continues after it. */
export function tryExample(value: unknown, place: ExamplePlace): TaskExample | PithError {
  try {
    return parseExample(value, place);
  } catch (error) {
    if (error instanceof PithError) return error;
    throw error;
  }
}

function exampleError(issue: z.core.$ZodIssue | undefined, value: unknown, place: ExamplePlace): PithError {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const found = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
    return new PithError("task", `expected a JSON object, found ${found}`, { place });
  }
  if (issue === undefined) return new PithError("task", "malformed example", { place });
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map(quote).join(", ");
    return new PithError("task", `unknown ${issue.keys.length > 1 ? "keys" : "key"} ${keys}.`, {
      place,
      advice: allowedFields,
    });
  }
  const field = issue.path.map(String).join(".");
  const culprit = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const message = culprit === undefined ? "is missing" : describe(issue, culprit);
  return new PithError("task", message, { place: { ...place, field } });
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "invalid_type") return `expected ${issue.expected}, found ${showValue(value)}`;
  if (issue.code === "invalid_value")
    return `${showValue(value)} is none of ${issue.values.map(String).join(", ")}`;
  return issue.message;
}
