/**
 * Finds out whether a circuit is measured on prompts that were used to find it, because accuracy on such prompts
 * is too high. circuit.json identifies the circuit's task only by its hash, so this is only known if that task is
 * available.
 */
import type { CircuitFile } from "../export/circuit-file.ts";
import type { Task } from "../jobs/read-task.ts";
import { splitExamples } from "../tasks/split.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { taskForCircuit } from "./circuit-task.ts";

/** How many of `all` prompts were used for the means or to choose the circuit; undefined if it is not known. */
export interface SeenPrompts {
  readonly seen: number | undefined;
  readonly all: number;
}

/** @returns undefined for the circuit's own task, whose test prompts are separate. */
export async function countSeen(
  folder: { readonly circuit: CircuitFile; readonly tokenizer: Tokenizer },
  task: Task,
): Promise<SeenPrompts | undefined> {
  const { circuit } = folder;
  if (task.sha256 === circuit.task.sha256) return undefined;
  const all = task.examples.length;
  // The circuit's own task, if it comes with Pith.
  const own = await taskForCircuit(folder, {}).catch(() => undefined);
  if (own === undefined) return { seen: undefined, all };
  const { patching, validation } = splitExamples(own.examples, {
    seed: circuit.task.seed,
    fileName: own.path,
  });
  const prompts = new Set([...patching, ...validation].map(({ prompt }) => prompt));
  return { seen: task.examples.filter(({ prompt }) => prompts.has(prompt)).length, all };
}

/** A sentence for the user; undefined if there is nothing to say. */
export function seenNote({ seen, all }: SeenPrompts, task: Task, ownTask: string): string | undefined {
  if (seen === 0) return undefined;
  return seen === undefined
    ? `Whether prompts of ${task.path} are among those that chose this circuit is not known: circuit.json has the hash of its task ("${ownTask}"), not its prompts. Where they are, accuracy flatters.`
    : `${seen} of the ${all} prompts of ${task.path} are among those that the circuit was found with: its accuracy on them flatters.`;
}
