/**
 * Reads task files that are one JSON list, `[{"prompt": …}, …]`, as scripts and `jq -s` write them. Each element
 * is found and parsed separately, so that a fault has its line and the other elements are still read.
 */
import { PithError } from "../errors.ts";
import { readJson } from "../files/json.ts";
import { type ExamplePlace, type TaskExample, tryExample } from "./task-example.ts";
import { longestExample, mostExamples } from "./task-limits.ts";

const ADVICE = "A task file is a JSON list of objects, or has one JSON object a line.";

/** Whether a text begins as a list, unlike any line of a JSON Lines file. */
export function isJsonList(contents: string): boolean {
  return /^\s*\[/.test(contents);
}

/**
 * @param contents without byte order mark. @param file the name in errors.
 * @returns for each element its example or what is wrong with it, "task" with file and the line where it begins.
 * It ends where the list does.
 */
export function* readTaskJson(contents: string, file: string): Generator<TaskExample | PithError, void> {
  let examples = 0;
  for (const { text, line, fault } of elements(contents)) {
    const place = { file, line };
    if (fault !== undefined) {
      yield new PithError("task", `${fault}.`, { place, advice: ADVICE });
    } else if (text.length > longestExample) {
      const found = `${text.length} characters are too many for one example (${longestExample} at most).`;
      yield new PithError("task", found, { place });
    } else if (++examples > mostExamples) {
      yield new PithError("task", `more than ${mostExamples} examples`, { place });
      return;
    } else {
      yield readElement(text, place);
    }
  }
}

function readElement(text: string, place: ExamplePlace): TaskExample | PithError {
  const json = readJson(text, "part");
  if (json.kind === "value") return tryExample(json.value, place);
  return new PithError("task", `${json.fault}.`, { place, advice: ADVICE });
}

interface Element {
  readonly text: string;
  /** The 1-based line where it begins. */
  readonly line: number;
  /** What is wrong with the list itself; then nothing follows. */
  readonly fault?: string;
}

/** The texts between the list's commas. */
function* elements(contents: string): Generator<Element, void> {
  const special = /["[\]{},\n]/g;
  let [depth, start, line, startLine] = [0, 0, 1, 1];
  for (let found = special.exec(contents); found !== null; found = special.exec(contents)) {
    const [token] = found;
    const end = special.lastIndex;
    if (token === '"') {
      special.lastIndex = afterString(contents, end);
      line += countNewlines(contents.slice(end, special.lastIndex));
    } else if (token === "\n") line++;
    else if (token === "[" || token === "{") depth++;
    if (depth === 1 && (token === "[" || token === ",")) {
      if (token === ",") yield { text: contents.slice(start, end - 1), line: startLine };
      start = skipSpace(contents, end);
      startLine = line + countNewlines(contents.slice(end, start));
    } else if (token === "]" || token === "}") {
      depth--;
      if (depth > 0) continue;
      const text = contents.slice(start, end - 1);
      if (text.trim() !== "") yield { text, line: startLine };
      const rest = skipSpace(contents, end);
      if (rest === contents.length) return;
      yield {
        text: "",
        line: line + countNewlines(contents.slice(end, rest)),
        fault: "text after the list's end",
      };
      return;
    }
  }
  yield { text: "", line, fault: "not JSON: the list is not closed" };
}

/** @param from after the opening quote. */
function afterString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return at + 1;
    if (text[at] === "\\") at++;
  }
  return text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text.charAt(at))) at++;
  return at;
}

function countNewlines(text: string): number {
  return text.split("\n").length - 1;
}
