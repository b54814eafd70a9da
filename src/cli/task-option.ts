/** The parts that all commands with a task share: the option of its labels, and the order of reading. */
import { Option } from "commander";
import type { Model } from "../jobs/load-model.ts";
import { readTask, type Task } from "../jobs/read-task.ts";
import { isBuiltinTask } from "../tasks/builtin/index.ts";
import type { CommandWork } from "./perform.ts";

/** `--chat`, `--no-chat`: left out, the task decides. */
export function chatOptions(): readonly [chat: Option, noChat: Option] {
  return [
    new Option(
      "--chat",
      "Put prompts through the model's chat template; the answer begins the assistant's turn (default: as the task says)",
    ),
    new Option("--no-chat", "Do not, though a task file says so."),
  ];
}

export interface TaskFlags {
  readonly task?: string;
  readonly label?: readonly string[];
  readonly seed: number;
  readonly means: "aligned" | "pooled";
  readonly chat?: boolean;
}

/**
 * `--label " positive" --label " negative"`: each label has its own option, because labels may contain any
 * character.
 */
export function labelOption(): Option {
  return new Option(
    "--label <text>",
    "Classification: an answer is chosen from these alone. Once for each, with its space.",
  ).argParser((text: string, before: readonly string[] = []) => [...before, text]);
}

/**
 * A file is read before the model, so that its faults are reported at once; a built-in task needs the model's
 * tokenizer.
 */
export async function readTaskAndModel(
  { task: name, label: labels, seed, means, chat }: TaskFlags,
  load: () => Promise<Model>,
  { closing, signal }: Pick<CommandWork, "closing" | "signal">,
): Promise<{ readonly task: Task; readonly model: Model }> {
  const file =
    name !== undefined && isBuiltinTask(name) ? undefined : await readTask(name, { labels, signal });
  const model = closing(await load());
  const task = file ?? (await readTask(name, { tokenizer: model.tokenizer, labels, seed, means, chat }));
  return { task, model };
}
