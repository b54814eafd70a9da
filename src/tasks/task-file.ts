/**
 * Task files: JSON Lines, one example a line (docs: the format section of the design). People write them by
 * hand and by script, so every fault is told with its line. Runs in a browser; `read-task-file.ts` adds the disk.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { showValue } from "../tokenizer/printable.ts";

/** Which part of the work an example serves: the means, the pruning decisions, or the accuracy we report. */
export type Split = "patching" | "validation" | "test";

export interface TaskExample {
  readonly prompt: string;
  /** The accepted answers; empty only where the split is patching. */
  readonly answers: readonly string[];
  /** Undefined when the file leaves splitting to us. */
  readonly split: Split | undefined;
  /** 1-based line of the file. */
  readonly line: number;
}

export interface TaskFile {
  /** The file's name without folder and extension. */
  readonly name: string;
  readonly examples: readonly TaskExample[];
}

/** In UTF-16 units. No model's context takes more than a fraction of this. */
const LONGEST_LINE = 2 ** 20;
const MOST_EXAMPLES = 2 ** 20;

// A lone surrogate is no Unicode text and would reach the model as U+FFFD.
const text = z
  .string()
  .min(1, "must not be empty")
  .refine((value) => !/\p{Surrogate}/u.test(value), "holds a lone surrogate, which is no text");
const answers = z.array(text).min(1, "must name at least one answer");
const lineSchema = z.strictObject({
  prompt: text,
  answer: text.optional(),
  answers: answers.optional(),
  split: z.enum(["patching", "validation", "test"]).optional(),
});
const ALLOWED = 'Only "prompt", "answers" (or "answer") and "split" may stand in a line.';

/**
 * @param fileName as errors show it; the task's name comes from it.
 * @throws PithError "task" with file and line (and field, where one is to blame).
 */
export function parseTaskFile(contents: string, fileName: string): TaskFile {
  const examples: TaskExample[] = [];
  let line = 0;
  for (let start = contents.charCodeAt(0) === 0xfeff ? 1 : 0; start <= contents.length; ) {
    const newline = contents.indexOf("\n", start);
    const end = newline < 0 ? contents.length : newline;
    line++;
    if (end - start > LONGEST_LINE) {
      throw new PithError(
        "task",
        `${end - start} characters are too many for one line (${LONGEST_LINE} at most).`,
        {
          place: { file: fileName, line },
          advice: "A task file has one JSON object a line.",
        },
      );
    }
    const example = parseLine(contents.slice(start, end).trim(), { file: fileName, line });
    if (example !== undefined) examples.push(example);
    if (examples.length > MOST_EXAMPLES) {
      throw new PithError("task", `more than ${MOST_EXAMPLES} examples`, { place: { file: fileName, line } });
    }
    start = end + 1;
  }
  if (examples.length === 0) {
    throw new PithError("task", "has no examples.", {
      place: { file: fileName },
      advice: 'Write one {"prompt": "…", "answers": ["…"]} a line.',
    });
  }
  return { name: taskName(fileName), examples };
}

/** "tasks/nano-ioi.jsonl" → "nano-ioi". */
export function taskName(fileName: string): string {
  const base = fileName.replace(/^.*[/\\]/, "");
  return base.replace(/(?<=.)\.(jsonl|ndjson|json|txt)$/i, "") || "task";
}

/** One line's example; undefined for a blank line. */
function parseLine(
  source: string,
  place: { readonly file: string; readonly line: number },
): TaskExample | undefined {
  if (source === "") return undefined;
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PithError("task", `not JSON: ${reason}.`, {
      place,
      advice: "A task file has one JSON object a line.",
      cause,
    });
  }
  const result = lineSchema.safeParse(json);
  if (!result.success) throw lineError(result.error.issues[0], json, place);

  const { prompt, answer, answers, split } = result.data;
  if (answer !== undefined && answers !== undefined) {
    throw new PithError("task", 'both "answer" and "answers".', { place, advice: "Keep one of them." });
  }
  const accepted = answers ?? (answer === undefined ? [] : [answer]);
  if (accepted.length === 0 && split !== "patching") {
    throw new PithError("task", 'no "answers".', {
      place,
      advice: 'Only lines with "split": "patching" may go without.',
    });
  }
  return { prompt, answers: accepted, split, line: place.line };
}

function lineError(
  issue: z.core.$ZodIssue | undefined,
  json: unknown,
  place: { readonly file: string; readonly line: number },
): PithError {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    const found = Array.isArray(json) ? "a list" : json === null ? "null" : `a ${typeof json}`;
    return new PithError("task", `expected a JSON object, found ${found}`, { place });
  }
  if (issue === undefined) return new PithError("task", "malformed example", { place });
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map((key) => JSON.stringify(key.slice(0, 40))).join(", ");
    return new PithError("task", `unknown ${issue.keys.length > 1 ? "keys" : "key"} ${keys}.`, {
      place,
      advice: ALLOWED,
    });
  }
  const field = issue.path.map(String).join(".");
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    json,
  );
  const message = value === undefined ? "is missing" : describe(issue, value);
  return new PithError("task", message, { place: { ...place, field } });
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "invalid_type") return `expected ${issue.expected}, found ${showValue(value)}`;
  if (issue.code === "invalid_value")
    return `${showValue(value)} is none of ${issue.values.map(String).join(", ")}`;
  return issue.message;
}
