/** Writes examples as the text of a task file, which `parseTaskFile` reads. */
import { PithError } from "../errors.ts";
import { quote } from "../printable.ts";
import type { TaskExample } from "./task-file.ts";

/** An example without its `line`, which is its position in the list. */
type Example = Omit<TaskExample, "line">;

/** One JSON object a line, with a line end after the last. */
export function formatTaskFile(examples: readonly Example[]): string {
  return examples
    .map(({ split, prompt, answers, labels, distractors, chat, system }) => {
      const line = {
        ...(split !== undefined && { split }),
        prompt,
        ...(answers.length > 0 && { answers }),
        ...(labels && { labels }),
        ...(distractors && { distractors }),
        ...(chat && { chat }),
        ...(system !== undefined && { system }),
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join("");
}

/**
 * The same as CSV, CR LF after every row (RFC 4180). A column that no example needs is left out.
 * @throws PithError "task" for an answer, a label or a distractor with `|` in it, which separates them in a cell.
 */
export function formatTaskCsv(examples: readonly Example[]): string {
  const columns = [
    { name: "prompt", cell: ({ prompt }: Example) => prompt, wanted: true },
    { name: "answers", cell: ({ answers }: Example) => listCell(answers), wanted: true },
    {
      name: "labels",
      cell: ({ labels }: Example) => listCell(labels ?? []),
      wanted: examples.some(({ labels }) => labels !== undefined),
    },
    {
      name: "distractors",
      cell: ({ distractors }: Example) => listCell(distractors ?? []),
      wanted: examples.some(({ distractors }) => distractors !== undefined),
    },
    {
      name: "chat",
      cell: ({ chat }: Example) => (chat ? "true" : ""),
      wanted: examples.some(({ chat }) => chat),
    },
    {
      name: "system",
      cell: ({ system }: Example) => system ?? "",
      wanted: examples.some(({ system }) => system !== undefined),
    },
    {
      name: "split",
      cell: ({ split }: Example) => split ?? "",
      wanted: examples.some(({ split }) => split !== undefined),
    },
  ].filter(({ wanted }) => wanted);
  const rows = [
    columns.map(({ name }) => name),
    ...examples.map((each) => columns.map(({ cell }) => cell(each))),
  ];
  return rows.map((cells) => `${cells.map(quoteCell).join(",")}\r\n`).join("");
}

function listCell(texts: readonly string[]): string {
  const text = texts.find((each) => each.includes("|"));
  if (text === undefined) return texts.join("|");
  throw new PithError("task", `${quote(text)} can't stand in a cell: "|" separates the texts there.`, {
    advice: "Write JSON Lines instead.",
  });
}

function quoteCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
