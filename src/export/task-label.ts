/** How a circuit's task is called where a person reads it. */
import type { CircuitFile } from "./circuit-file.ts";

/**
 * A built-in task with the seed that drew its prompts, "ioi (built in, seed 0)": another seed is another task, and so
 * is a task file of the same name, as the one that comes with Pith.
 */
export function taskLabel({ task }: Pick<CircuitFile, "task">): string {
  return task.builtin === true ? `${task.name} (built in, seed ${task.seed})` : task.name;
}
