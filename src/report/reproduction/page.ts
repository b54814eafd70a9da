/** A reproduction as one self-contained page: tables, figures, and how every number was obtained. */
import type { Reproduction } from "../../experiments/reproduction.ts";
import type { ChartCanvas } from "../charts/plot-to-svg.ts";
import { pageTheme } from "../charts/theme.ts";
import { formatCount, formatDuration, plural } from "../format.ts";
import { type Html, html } from "../html/escape.ts";
import { figure, htmlPage } from "../html/page.ts";
import type { ReproductionFigure } from "./figures.ts";
import { studentsHtml } from "./students.ts";
import { type ReproductionTable, tableHtml } from "./tables.ts";

/** Facts about a reproduction's run, which its page shows in addition to its numbers. */
export interface RunFacts {
  /** Pith's version. */
  readonly version: string;
  /** The command, as the user gave it. */
  readonly command: string;
  /** The seeds of the repeated runs. */
  readonly seeds: readonly number[];
  /** The thresholds that figures show, in nats. */
  readonly alphas: readonly number[];
  /** The thresholds of tasks whose figures show others. */
  readonly alphasOf: readonly (readonly [task: string, alphas: readonly number[]])[];
  /** How many candidates were evaluated. */
  readonly evaluations: number;
  /** How many a search for each threshold by itself would have evaluated. */
  readonly separately: number;
  /** Seconds of wall clock that the sweep took. */
  readonly sweepSeconds: number;
  /** Seconds of wall clock that timing the tables' circuits took. */
  readonly timingSeconds: number;
  /** "2 × AMD EPYC …, Node v20". */
  readonly machine: string;
  /** How many prompts each task had. */
  readonly prompts: readonly {
    /** The task's name. */
    readonly task: string;
    /** Prompts that means were computed over. */
    readonly patching: number;
    /** Prompts that chose the circuits. */
    readonly validation: number;
    /** Prompts that were used for neither. */
    readonly test: number;
  }[];
  /** Sentences for the reader: what differs from the request. */
  readonly notes: readonly string[];
}

/** A table's title is a heading above it; its caption is for screen readers. */
const pageStyle = `
#tables caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
#tables table { font-size: .875rem; }
#tables th, #tables td { padding-right: .65rem; }
#tables tbody th, #tables tbody td { white-space: nowrap; }
`;

/** @param document that charts are drawn with. */
export function reproductionPage(
  reproduction: Reproduction,
  figures: readonly ReproductionFigure[],
  tables: readonly ReproductionTable[],
  facts: RunFacts,
  document: Document,
): string {
  const { model, tasks } = reproduction;
  const canvas: ChartCanvas = { document, theme: pageTheme };
  const published = reproduction.publishedTable.length > 0;
  const layers = plural(model.heads.length, "layer");
  const heads = formatCount(model.heads.reduce((sum, count) => sum + count, 0));
  const body = html`<header class="masthead">
<p class="kicker">Pith ${facts.version}</p>
<h1>The paper’s experiments on ${model.name}</h1>
<p class="lead">Tables 1 and 3 and Figures 2 to 9 of “Extracting Interpretable Task-Specific Circuits from Large Language Models for Faster Inference” (García-Carrasco, Maté and Trujillo, arXiv:2412.15750), measured on ${model.name}: ${layers}, ${heads} heads, ${formatCount(model.parameters.total)} parameters, of which ${formatCount(model.parameters.body)} are body.</p>
<nav aria-label="Sections"><ul><li><a href="#tables">Tables</a></li>${tasks.map((task, index) => html`<li><a href="#task-${index}">${task}</a></li>`)}<li><a href="#roc">Known heads</a></li><li><a href="#how">How it was measured</a></li></ul></nav>
</header>
<main>
<section id="tables"><h2>Tables</h2>
<p>Mean ± standard deviation over ${plural(facts.seeds.length, "run")} with prompts of their own. ${published ? "Rows called “published” are computed from the paper’s own files." : "The paper’s own numbers are of GPT-2 small, another model, and are not shown."}</p>
${tables.map(tableHtml)}
${studentsHtml(reproduction.students, reproduction.publishedStudents)}
</section>
${tasks.map((task, index) =>
  section(
    `task-${index}`,
    task,
    figures.filter((each) => each.task === task),
    canvas,
  ),
)}
${section(
  "roc",
  "Known heads",
  figures.filter((each) => each.task === undefined),
  canvas,
)}
${how(facts, reproduction.students.length > 0)}
</main>
<footer class="footer"><p>Made by Pith ${facts.version} with <code>${facts.command}</code>. The numbers of every table and figure lie beside this page as CSV, every circuit in sweep.jsonl.</p></footer>`;
  return htmlPage({
    title: `The paper’s experiments on ${model.name}`,
    body,
    style: pageStyle,
  });
}

function section(
  id: string,
  title: string,
  figures: readonly ReproductionFigure[],
  canvas: ChartCanvas,
): Html {
  return html`<section id="${id}"><h2>${title}</h2>
${figures.map(
  (each) =>
    html`<h3>${each.title}</h3>${each.isEmpty ? html`<p class="note">${each.caption}</p>` : figure(each.draw(canvas), each.caption, each.title)}`,
)}
</section>
`;
}

/** "30, from 0.00001 to 1". */
function rangeText(alphas: readonly number[]): string {
  const [first, last] = [alphas[0], alphas.at(-1)];
  return first === undefined ? "none" : `${alphas.length}, from ${first} to ${last ?? first}`;
}

function how(facts: RunFacts, hasStudents: boolean): Html {
  const ratio = facts.evaluations === 0 ? 0 : facts.separately / facts.evaluations;
  return html`<section id="how"><h2>How it was measured</h2>
<dl class="facts">
<dt>search</dt><dd>Algorithm 1 with the published code’s conventions: layers from the last to the first, heads before the layer’s MLP, pruned where KL grows by less than α</dd>
<dt>thresholds</dt><dd>${rangeText(facts.alphas)}${facts.alphasOf.map(([task, alphas]) => html`, for ${task} ${rangeText(alphas)}`)}, and those of the tables</dd>
<dt>runs</dt><dd>${facts.seeds.length}, seeds ${facts.seeds.join(", ")}</dd>
<dt>prompts</dt><dd>${facts.prompts.map(({ task, patching, validation, test }, index) => html`${index > 0 && "; "}${task}: ${patching} patching, ${validation} validation, ${test} test`)}</dd>
<dt>evaluations</dt><dd>${formatCount(facts.evaluations)}; a search for each threshold alone would make ${formatCount(facts.separately)}, ${ratio.toFixed(2)} times as many</dd>
<dt>took</dt><dd>${formatDuration(facts.sweepSeconds)} for the sweep, ${formatDuration(facts.timingSeconds)} for timing the tables’ circuits</dd>
<dt>time</dt><dd>one thread, original and circuit in turns through the same engine, ONNX Runtime’s own time. One prompt: each run’s median; min and max in timings.csv. A validation set at once, as the paper times it: each run’s mean of five calls</dd>
<dt>machine</dt><dd>${facts.machine}</dd>
${facts.notes.length > 0 && html`<dt>notes</dt><dd>${facts.notes.join(" ")}</dd>`}
</dl>
<p class="note">Figure 1 of the paper is a drawing and is not reproduced.${!hasStudents && " Table 2, a comparison with distillation, is made with --students."}</p>
</section>`;
}
