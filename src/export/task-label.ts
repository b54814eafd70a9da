/** The name of a circuit's task as a person reads it. */
import type { CircuitFile } from "./circuit-file.ts";

/**
 * The name, with the seed that drew a built-in task's prompts: "ioi (built in, seed 0)". With another seed it is
 * another task; and a task file may have the same name as a built-in task.
 */
export function taskLabel({ task }: Pick<CircuitFile, "task">): string {
  return task.builtin === true ? `${task.name} (built in, seed ${task.seed})` : task.name;
}
