/**
 * Whether prompts that a circuit is measured on are among those that it was found with: accuracy there flatters.
 * A circuit says which task it is of by that task's hash alone, so this is known where the task is known.
 */
import type { CircuitFile } from "../export/circuit-file.ts";
import type { Task } from "../jobs/read-task.ts";
import { splitExamples } from "../tasks/split.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { taskForCircuit } from "./circuit-task.ts";

/** How many of `all` prompts gave the means or chose the circuit; undefined where nobody can say. */
export interface SeenPrompts {
  readonly seen: number | undefined;
  readonly all: number;
}

/** @returns undefined for the circuit's own task, whose test prompts are apart. */
export async function countSeen(
  folder: { readonly circuit: CircuitFile; readonly tokenizer: Tokenizer },
  task: Task,
): Promise<SeenPrompts | undefined> {
  const { circuit } = folder;
  if (task.sha256 === circuit.task.sha256) return undefined;
  const all = task.examples.length;
  // Its own task, if it is one that comes with Pith.
  const own = await taskForCircuit(folder, {}).catch(() => undefined);
  if (own === undefined) return { seen: undefined, all };
  const { patching, validation } = splitExamples(own.examples, {
    seed: circuit.task.seed,
    fileName: own.path,
  });
  const prompts = new Set([...patching, ...validation].map(({ prompt }) => prompt));
  return { seen: task.examples.filter(({ prompt }) => prompts.has(prompt)).length, all };
}

/** A sentence for the user; undefined where there is nothing to say. */
export function seenNote({ seen, all }: SeenPrompts, task: Task, ownTask: string): string | undefined {
  if (seen === 0) return undefined;
  return seen === undefined
    ? `Whether prompts of ${task.path} are among those that chose this circuit is not known: circuit.json has the hash of its task ("${ownTask}"), not its prompts. Where they are, accuracy flatters.`
    : `${seen} of the ${all} prompts of ${task.path} are among those that the circuit was found with: its accuracy on them flatters.`;
}
