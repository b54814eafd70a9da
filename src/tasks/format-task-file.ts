/** Examples as the text of a task file: what `parseTaskFile` reads. */
import type { TaskExample } from "./task-file.ts";

/** One JSON object a line, with a line end after the last; an example's `line` is its place in the list. */
export function formatTaskFile(examples: readonly Omit<TaskExample, "line">[]): string {
  return examples
    .map(({ split, prompt, answers }) => {
      const line = {
        ...(split !== undefined && { split }),
        prompt,
        ...(answers.length > 0 && { answers }),
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join("");
}
