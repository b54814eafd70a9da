/** Finds the task that a circuit is measured on. */
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { readTask, type Task } from "../jobs/read-task.ts";
import { isBuiltinTask } from "../tasks/builtin/index.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * The task that the user gave, else the circuit's own. A built-in task has the same prompts as when the circuit
 * was cut: with another seed, prompts that chose the circuit could be among the test prompts.
 * @throws PithError "options" if none is given and the circuit's own is a file.
 */
export async function taskForCircuit(
  { circuit, tokenizer }: { readonly circuit: CircuitFile; readonly tokenizer: Tokenizer },
  { task: name, label }: { readonly task?: string; readonly label?: readonly string[] },
  signal?: AbortSignal,
): Promise<Task> {
  const { means } = circuit.replacement;
  const chat = circuit.task.chat !== undefined;
  const options = { tokenizer, means, seed: circuit.task.seed, labels: label, chat };
  if (name !== undefined) return readTask(name, { ...options, signal });
  const candidates = [undefined, ...(isBuiltinTask(circuit.task.name) ? [circuit.task.name] : [])];
  for (const candidate of candidates) {
    // A file may have a built-in task's name by chance; then this tokenizer may be unable to make that task.
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
