/** The task that a circuit is measured on. */
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { readTask, type Task } from "../jobs/read-task.ts";
import { isBuiltinTask } from "../tasks/builtin/index.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * The task that was asked for, else the circuit's own. A built-in one has the prompts that it had when the circuit
 * was cut: with another seed, prompts that chose the circuit could come up among the test prompts.
 * @throws PithError "options" where none is given and the circuit's own is a file.
 */
export async function taskForCircuit(
  { circuit, tokenizer }: { readonly circuit: CircuitFile; readonly tokenizer: Tokenizer },
  { task: name, label }: { readonly task?: string; readonly label?: readonly string[] },
  signal?: AbortSignal,
): Promise<Task> {
  const { means } = circuit.replacement;
  const options = { tokenizer, means, seed: circuit.task.seed, labels: label };
  if (name !== undefined) return readTask(name, { ...options, signal });
  const candidates = [undefined, ...(isBuiltinTask(circuit.task.name) ? [circuit.task.name] : [])];
  for (const candidate of candidates) {
    // A file that only has a built-in task's name may be one that this tokenizer can't make.
    const task = await readTask(candidate, options).catch(() => undefined);
    if (task?.sha256 === circuit.task.sha256) return task;
  }
  throw new PithError(
    "options",
    `this circuit was cut for the task "${circuit.task.name}", whose file is not known here.`,
    {
      place: { field: "--task" },
      advice: "Say which task file to measure it on.",
    },
  );
}
