/** Reads a file that a person opens or drops as a task's text, name and format. */
import { formatBytes } from "../../src/report/format.ts";
import type { TaskSource } from "../../src/server/api.ts";

export type OwnTask = Extract<TaskSource, { kind: "text" }>;

/** The server's limit for a request, less the text around the examples. */
const largestText = 7 * 2 ** 20;

/** Why a file is not accepted, as a sentence; undefined if it is. */
export function refusalOfFile({ name, size }: Pick<File, "name" | "size">): string | undefined {
  if (size <= largestText) return undefined;
  return `${name} has ${formatBytes(size)}; the studio takes up to ${formatBytes(largestText)}.`;
}

export async function taskOfFile(file: File): Promise<Pick<OwnTask, "text" | "name" | "format">> {
  const text = await file.text();
  const name = file.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N} _-]+/gu, "-") || "my task";
  return { text, name: name.slice(0, 80), format: taskFormat(text, file.name) };
}

/** The format, by the file's name, else by the first character. */
export function taskFormat(text: string, fileName = ""): OwnTask["format"] {
  if (/\.csv$/i.test(fileName)) return "csv";
  if (/\.jsonl?$/i.test(fileName)) return "jsonl";
  return text.trimStart().startsWith("{") ? "jsonl" : "csv";
}
