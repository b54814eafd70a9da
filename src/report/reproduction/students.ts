/** Table 2 of a reproduction as HTML: students of the circuits' size. */
import type { PublishedStudent } from "../../experiments/published-students.ts";
import type { StudentRow } from "../../experiments/students.ts";
import { formatCount, formatShare } from "../format.ts";
import { type Html, type HtmlValue, html } from "../html/escape.ts";
import { table } from "../html/page.ts";
import { alphaText } from "../spread-text.ts";
import { studentNote } from "../terminal-distill.ts";

const title = "Table 2. Students of the circuits’ size";

export function studentsHtml(
  students: readonly StudentRow[],
  published: readonly PublishedStudent[],
): Html | undefined {
  if (students.length === 0) return undefined;
  const share = (value: number | undefined) => (value === undefined ? "" : formatShare(value));
  const rows = students.flatMap((row): readonly (readonly HtmlValue[])[] => {
    const paper = published.find(({ task, mlps }) => task === row.task && mlps === row.mlps);
    return [
      [
        ...[row.task, row.mlps ? "pruned" : "kept", alphaText(row.alpha)],
        ...[formatCount(row.circuitBody), share(row.circuitAccuracy), share(row.circuitTestAccuracy)],
        ...[String(row.layers), formatCount(row.body), share(row.accuracy), share(row.testAccuracy)],
        ...[String(row.epoch), paper === undefined ? "" : `${paper.layers}: ${formatShare(paper.accuracy)}`],
      ],
    ];
  });
  return html`<h3>${title}</h3>
<p class="note">Of the first run. A student has the original’s architecture with as many layers as fit into the circuit’s weights, and learns the original’s logits on the patching prompts; accuracies of the epoch with the best validation accuracy. Students of one task with equally many layers are one. Published: layers and accuracy on GPT-2 small. ${studentNote}</p>
${table({
  caption: title,
  columns: [
    ...["task", "MLPs"].map((name) => ({ name })),
    ...["α", "circuit", "accuracy", "test", "layers", "student", "accuracy", "test", "epoch"].map((name) => ({
      name,
      number: true,
    })),
    { name: "published", number: true },
  ],
  rows,
})}
`;
}
