/**
 * Task files: JSON Lines, one example a line, or CSV by the file's name (docs/tasks.md). People write them by
 * hand and by script, so every fault is told with its line. Runs in a browser; `read-task-file.ts` adds the disk.
 */
import { PithError } from "../errors.ts";
import { parseTaskCsv } from "./task-csv.ts";
import { type ExamplePlace, parseExample, type TaskExample } from "./task-example.ts";
import { longestExample, mostExamples } from "./task-limits.ts";

export type { Split, TaskExample } from "./task-example.ts";

export interface TaskFile {
  /** The file's name without folder and extension. */
  readonly name: string;
  readonly examples: readonly TaskExample[];
}

/**
 * @param fileName as errors show it; the task's name comes from it, and ".csv" at its end says what it holds.
 * @throws PithError "task" with file and line (and field, where one is to blame).
 */
export function parseTaskFile(contents: string, fileName: string): TaskFile {
  const csv = /\.csv$/i.test(fileName);
  const text = contents.charCodeAt(0) === 0xfeff ? contents.slice(1) : contents;
  const examples = csv ? parseTaskCsv(text, fileName) : parseLines(text, fileName);
  if (examples.length === 0) {
    throw new PithError("task", "has no examples.", {
      place: { file: fileName },
      advice: csv
        ? "Write a first row of column names, prompt and answers, and one example a row."
        : 'Write one {"prompt": "…", "answers": ["…"]} a line.',
    });
  }
  return { name: taskName(fileName), examples };
}

/** "tasks/nano-ioi.jsonl" → "nano-ioi". */
export function taskName(fileName: string): string {
  const base = fileName.replace(/^.*[/\\]/, "");
  return base.replace(/(?<=.)\.(jsonl|ndjson|json|txt|csv)$/i, "") || "task";
}

function parseLines(contents: string, fileName: string): readonly TaskExample[] {
  const examples: TaskExample[] = [];
  let line = 0;
  for (let start = 0; start <= contents.length; ) {
    const newline = contents.indexOf("\n", start);
    const end = newline < 0 ? contents.length : newline;
    line++;
    if (end - start > longestExample) {
      throw new PithError(
        "task",
        `${end - start} characters are too many for one line (${longestExample} at most).`,
        {
          place: { file: fileName, line },
          advice: "A task file has one JSON object a line.",
        },
      );
    }
    const example = parseLine(contents.slice(start, end).trim(), { file: fileName, line });
    if (example !== undefined) examples.push(example);
    if (examples.length > mostExamples) {
      throw new PithError("task", `more than ${mostExamples} examples`, { place: { file: fileName, line } });
    }
    start = end + 1;
  }
  return examples;
}

/** One line's example; undefined for a blank line. */
function parseLine(source: string, place: ExamplePlace): TaskExample | undefined {
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
  return parseExample(json, place);
}
