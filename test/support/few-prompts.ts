/** The demo's task with few prompts of each split: its searches take as many decisions, and end sooner. */
import { readFile } from "node:fs/promises";

/** @param each how many prompts each split has. @returns the lines of a task file. */
export async function fewPrompts(each: number): Promise<string> {
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  return ["patching", "validation", "test"]
    .flatMap((split) => lines.filter((line) => line.includes(`"split": "${split}"`)).slice(0, each))
    .join("\n");
}
