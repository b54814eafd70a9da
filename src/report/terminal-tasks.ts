/** Built-in tasks for a terminal: the list, and one task with samples and the words that served. */
import type { TaskDescription } from "../tasks/builtin/describe-task.ts";
import type { BuiltinTaskEntry } from "../tasks/builtin/index.ts";
import { layOut } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export function builtinTasksReport(tasks: readonly BuiltinTaskEntry[], style: TerminalStyle): string {
  const rows = tasks.map(
    ({ name, title, example: [prompt, answer], source }) =>
      ["task", `${style.bold(name)}: ${title}`, prompt, `→ ${JSON.stringify(answer)}`, source] as const,
  );
  return layOut(rows, style).join("\n");
}

export function taskReport(task: TaskDescription, style: TerminalStyle): string {
  const { patching, validation, test } = task.prompts;
  const length = task.promptTokens === undefined ? "of several lengths" : `of ${task.promptTokens} tokens`;
  return layOut(
    [
      ["task", `${style.bold(task.name)}: ${task.description}`],
      [
        "prompts",
        `${patching} patching, ${validation} validation, ${test} test, ${length}`,
        ...(task.bos ? ["the start token comes first (a file of it needs --bos)"] : []),
      ],
      ["words", ...task.words.map(({ kind, given, kept }) => `${kept} of ${given} ${kind} serve`)],
      ...(task.notes.length === 0 ? [] : [["notes", ...task.notes] as const]),
      ["samples", ...task.samples.map(({ boundaries, answers }) => `${boundaries} → ${shortList(answers)}`)],
    ],
    style,
  ).join("\n");
}

function shortList(answers: readonly string[]): string {
  const shown = answers.slice(0, 3).map((answer) => JSON.stringify(answer));
  return answers.length > 3 ? `${shown.join(", ")}, … (${answers.length})` : shown.join(", ");
}
