/** Tasks for a terminal: the list of those that are built in, and one task with samples and the words that it uses. */
import type { PreflightFinding } from "../jobs/preflight/preflight-result.ts";
import type { ShareEstimate } from "../measure/share-estimate.ts";
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

/** A task, and what a model was found to do on it, if one was asked. */
interface ShownTask extends TaskDescription {
  readonly model?: string;
  readonly original?: ShareEstimate;
  readonly findings?: readonly PreflightFinding[];
}

export function taskReport(task: ShownTask, style: TerminalStyle): string {
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
      ...(task.words.length === 0
        ? []
        : [
            [
              "words",
              ...task.words.map(({ kind, given, kept }) => `${kept} of ${given} ${kind} serve`),
            ] as const,
          ]),
      ...originalRows(task),
      ...(task.notes.length === 0 ? [] : [["notes", ...task.notes] as const]),
      [
        "samples",
        ...task.samples.map(
          ({ boundaries, answers, labels }) =>
            `${boundaries} → ${shortList(answers)}${against(answers, labels)}`,
        ),
      ],
    ],
    style,
  ).join("\n");
}

function originalRows({
  model,
  original,
  findings = [],
}: ShownTask): readonly (readonly [string, ...string[]])[] {
  if (original === undefined) return [];
  const { accuracy, prompts, interval } = original;
  const [low, high] = interval.map(percent);
  return [
    [
      "original",
      `${model} is right on ${percent(accuracy)} of ${prompts} prompts (95 % interval ${low} to ${high})`,
      ...findings.map(({ sentence }) => sentence),
    ],
  ];
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** The wrong answers that the right one is compared with, where the task names them. */
function against(answers: readonly string[], labels: readonly string[] | undefined): string {
  const wrong = labels?.filter((label) => !answers.includes(label)) ?? [];
  return wrong.length === 0 ? "" : `, not ${shortList(wrong)}`;
}

function shortList(answers: readonly string[]): string {
  const shown = answers.slice(0, 3).map((answer) => JSON.stringify(answer));
  return answers.length > 3 ? `${shown.join(", ")}, … (${answers.length})` : shown.join(", ");
}
