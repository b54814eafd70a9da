/**
 * Task files: JSON Lines, one example a line; a JSON list; or CSV or TSV by the file's name (docs/tasks.md).
 * People write them by hand and by script, so every fault is reported with its line. Runs in a browser;
 * `read-task-file.ts` reads from disk.
 */
import { PithError } from "../errors.ts";
import { readJson } from "../files/json.ts";
import { readTaskCsv } from "./task-csv.ts";
import { type ExamplePlace, type TaskExample, tryExample } from "./task-example.ts";
import { isJsonList, readTaskJson } from "./task-json.ts";
import { longestExample, mostExamples } from "./task-limits.ts";

export type { Split, TaskExample } from "./task-example.ts";

/** The content of a task file. */
export interface TaskFile {
  /** The file's name without folder and extension. */
  readonly name: string;
  /** The examples, in the file's order. */
  readonly examples: readonly TaskExample[];
}

/**
 * @param fileName in errors; the task's name is made from it, and its extension ".csv" gives the format.
 * @throws PithError "task" with file and line (and field, if one is at fault).
 */
export function parseTaskFile(contents: string, fileName: string): TaskFile {
  const examples: TaskExample[] = [];
  for (const found of readExamples(contents, fileName)) {
    if (found instanceof PithError) throw found;
    if (found !== undefined) examples.push(found);
  }
  return { name: taskName(fileName), examples };
}

/**
 * The same piece by piece, for callers that must not block or that need every fault: for each line or row its
 * example, or what is wrong with it; undefined after a while without any.
 */
export function* readExamples(
  contents: string,
  fileName: string,
): Generator<TaskExample | PithError | undefined, void> {
  const [, table] = /\.(csv|tsv)$/i.exec(fileName.toLowerCase()) ?? [];
  const text = contents.charCodeAt(0) === 0xfeff ? contents.slice(1) : contents;
  let empty = true;
  for (const found of readAny(text, fileName, table)) {
    empty &&= found === undefined;
    yield found;
  }
  if (!empty) return;
  yield new PithError("task", "has no examples.", {
    place: { file: fileName },
    advice:
      table !== undefined
        ? "Write a first row of column names, prompt and answers, and one example a row."
        : 'Write one {"prompt": "…", "answers": ["…"]} a line.',
  });
}

function readAny(
  text: string,
  fileName: string,
  table: string | undefined,
): Iterable<TaskExample | PithError | undefined> {
  if (table !== undefined) return readTaskCsv(text, fileName, table === "tsv" ? "\t" : ",");
  return isJsonList(text) ? readTaskJson(text, fileName) : readLines(text, fileName);
}

/** "tasks/nano-ioi.jsonl" → "nano-ioi". */
export function taskName(fileName: string): string {
  const base = fileName.replace(/^.*[/\\]/, "");
  return base.replace(/(?<=.)\.(jsonl|ndjson|json|txt|csv|tsv)$/i, "") || "task";
}

function* readLines(
  contents: string,
  fileName: string,
): Generator<TaskExample | PithError | undefined, void> {
  let [line, examples] = [0, 0];
  for (let start = 0; start <= contents.length; ) {
    const newline = contents.indexOf("\n", start);
    const end = newline < 0 ? contents.length : newline;
    const place = { file: fileName, line: ++line };
    if (end - start > longestExample) {
      yield new PithError(
        "task",
        `${end - start} characters are too many for one line (${longestExample} at most).`,
        { place, advice: "A task file has one JSON object a line." },
      );
    } else {
      const found = readLine(contents.slice(start, end).trim(), place);
      if (found !== undefined && ++examples > mostExamples) {
        yield new PithError("task", `more than ${mostExamples} examples`, { place });
        return;
      }
      yield found;
    }
    start = end + 1;
  }
}

/** One line's example, or its fault; undefined for a blank line. */
function readLine(source: string, place: ExamplePlace): TaskExample | PithError | undefined {
  if (source === "") return undefined;
  const json = readJson(source, "part");
  if (json.kind === "value") return tryExample(json.value, place);
  return new PithError("task", `${json.fault}.`, {
    place,
    advice: "A task file has one JSON object a line.",
  });
}
