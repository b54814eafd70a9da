/** The page of a report: one circuit, or several side by side, in one self-contained file. */

import { greedyOptionsOf } from "../../discovery/searches/greedy/greedy.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { taskLabel } from "../../export/task-label.ts";
import type { CircuitReport, ReportPart } from "../../jobs/report/report.ts";
import { plural } from "../format.ts";
import { circuitMapSvg, mapOfCircuit } from "../maps/circuit-map.ts";
import { traceChartSvg } from "../maps/trace-chart.ts";
import {
  comparisonTable,
  headline,
  keptText,
  measuresTable,
  provenance,
  searchText,
  targetFacts,
  traceCaption,
} from "./circuit-facts.ts";
import { curveSection } from "./curve-section.ts";
import { type Html, html } from "./escape.ts";
import { evidenceSection } from "./evidence-section.ts";
import { examplesSection } from "./examples-section.ts";
import { attributionSection, patternsSection } from "./inside-section.ts";
import { figure, htmlPage } from "./page.ts";
import { rankingsSection } from "./rankings-section.ts";
import { reportStyle } from "./report-style.ts";
import { knownSection, skillsSection } from "./skills-section.ts";

/**
 * Makes a self-contained HTML page of one report, or of several side by side.
 * @param reports at least one.
 */
export function reportPage(reports: readonly CircuitReport[]): string {
  const [only] = reports;
  const single = reports.length === 1 && only !== undefined;
  const title = single
    ? `${only.circuit.model.name} on ${taskLabel(only.circuit)}`
    : `${reports.length} circuits side by side`;
  const lead = single
    ? html`The part of ${only.circuit.model.name} that does one task: ${keptText(only.circuit)}.`
    : html`${plural(reports.length, "circuit")}, each the part of a model that does one task.`;
  const names = reports.map(nameOf);
  const body = html`<header class="masthead"><p class="kicker">Pith circuit report</p><h1>${title}</h1><p class="lead">${lead}</p>
<nav aria-label="Contents"><ul>${contents(reports, names, single)}</ul></nav></header>
<main>
${
  !single &&
  html`<section id="compare"><h2>Side by side</h2>
${comparisonTable(
  reports.map(({ circuit }) => circuit),
  names,
)}
<div class="columns">${reports.map((report, index) => mapFigure(report, `side-${index}`, names[index] ?? ""))}</div></section>`
}
${reports.map((report, index) => circuitSection(report, index, names[index] ?? "", single))}
</main>
<footer class="footer"><div><p>KL is the Kullback–Leibler divergence KL(original ‖ circuit) of the next-token distributions, natural logarithm. A head is named layer.head, both counted from 0. Accuracy, KL, sizes and times are those that were measured when the circuit was cut (circuit.json); examples, attention, attribution and other skills were computed for this page.</p></div></footer>`;
  return htmlPage({ title: `Circuit report: ${title}`, body, style: reportStyle });
}

/** The name includes the folder's name, which distinguishes circuits of one task. */
function nameOf({ directory }: CircuitReport): string {
  return directory.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "") || directory;
}

function contents(
  reports: readonly CircuitReport[],
  names: readonly string[],
  single: boolean,
): readonly Html[] {
  const link = (id: string, text: string) => html`<li><a href="#${id}">${text}</a></li>`;
  if (!single)
    return [link("compare", "Side by side"), ...names.map((name, index) => link(`circuit-${index}`, name))];
  return partsOf(reports[0]).map(({ id, title }) => link(`circuit-0-${id}`, title));
}

interface PartOfReport {
  /** The id of the section; the circuit's own id precedes it. */
  readonly id: string;
  /** The heading of the section, also shown in the table of contents. */
  readonly title: string;
  readonly body: (report: CircuitReport, id: string) => Html;
}

/** The parts of a report on one circuit, in the page's order. @internal */
export const reportParts: readonly (PartOfReport & { readonly when?: (report: CircuitReport) => boolean })[] =
  [
    { id: "map", title: "Circuit map", body: (report, id) => mapFigure(report, `${id}-svg`) },
    {
      id: "trace",
      title: "Search",
      body: ({ circuit }, id) => traceFigure(circuit, `${id}-svg`),
    },
    {
      id: "target",
      title: "Target",
      when: ({ circuit }) => circuit.target !== undefined,
      body: ({ circuit }) => targetFacts(circuit),
    },
    {
      id: "sizes",
      title: "All sizes",
      when: ({ circuit }) => circuit.curve !== undefined,
      body: ({ circuit }, id) => curveSection(circuit, `${id}-svg`),
    },
    {
      id: "measures",
      title: "Measures",
      body: ({ circuit, directory }) => html`${measuresTable(circuit)}
<details><summary>Where it comes from</summary><div class="inside">${provenance(circuit, directory)}</div></details>`,
    },
    { id: "examples", title: "Examples", body: ({ examples }) => shown(examples, examplesSection) },
    {
      id: "attention",
      title: "Attention",
      body: ({ patterns, attribution }, id) =>
        shown(patterns, (found) =>
          patternsSection(found, "found" in attribution ? attribution.found : undefined, id),
        ),
    },
    {
      id: "attribution",
      title: "What adds to the answer",
      body: ({ attribution }, id) => shown(attribution, (found) => attributionSection(found, id)),
    },
    {
      id: "rankings",
      title: "Rankings",
      when: ({ rankings }) => rankings !== undefined,
      body: ({ rankings }) => (rankings === undefined ? html`` : shown(rankings, rankingsSection)),
    },
    {
      id: "evidence",
      title: "Evidence",
      body: ({ evidence }, id) => shown(evidence, (found) => evidenceSection(found, id)),
    },
    {
      id: "skills",
      title: "Other skills",
      when: ({ skills }) => skills.length > 0,
      body: ({ skills, original }) => skillsSection(skills, original),
    },
    {
      id: "known",
      title: "Known circuit",
      when: ({ known }) => known !== undefined,
      body: ({ known }) => (known === undefined ? html`` : knownSection(known)),
    },
  ];

function partsOf(report: CircuitReport | undefined): readonly PartOfReport[] {
  return report === undefined ? [] : reportParts.filter(({ when }) => when?.(report) ?? true);
}

function circuitSection(report: CircuitReport, index: number, name: string, single: boolean): Html {
  const own = `circuit-${index}`;
  const sections = partsOf(report).map(({ id, title, body }) => {
    const full = `${own}-${id}`;
    const heading = single ? html`<h2>${title}</h2>` : html`<h3>${title}</h3>`;
    return html`<section id="${full}">${heading}
${body(report, full)}</section>
`;
  });
  const { circuit } = report;
  const [map, trace, ...rest] = sections;
  // The map and the search that made it are shown side by side, because they are read together.
  const body = html`${headline(circuit)}<div class="flow">${map}${trace}</div>${rest}`;
  if (single) return html`<p class="note">${searchText(circuit)}</p>${body}`;
  return html`<section class="circuit" id="${own}"><h2>${name}</h2><p class="note">${circuit.model.name} on ${taskLabel(circuit)}; ${searchText(circuit)}</p>
${body}</section>`;
}

function shown<T>(part: ReportPart<T>, draw: (found: T) => Html): Html {
  return "found" in part ? draw(part.found) : html`<p class="missing">${part.missing}</p>`;
}

/** The threshold of the search, if it has one. */
function thresholdOf({ search }: CircuitFile): number | undefined {
  return greedyOptionsOf(search)?.alpha;
}

function traceFigure(circuit: CircuitFile, id: string): Html {
  const { trace } = circuit.search;
  if (trace.length === 0) {
    return html`<p class="missing">No search was recorded: the circuit was given, not found.</p>`;
  }
  const alpha = thresholdOf(circuit);
  const chart = traceChartSvg({ id, trace, ...(alpha !== undefined && { alpha }) });
  return figure(chart, traceCaption(circuit), "KL by step of the search");
}

function mapFigure({ circuit }: CircuitReport, id: string, name = ""): Html {
  const alpha = thresholdOf(circuit);
  const untried = circuit.onTrial.includes("mlp") ? "" : " MLPs were not on trial, so all are kept.";
  const scale =
    circuit.search.trace.length === 0
      ? " No search was recorded, so there are no increases to show."
      : ` Colour: how much the KL grows when the component is replaced, given what was decided before it${alpha === undefined ? "" : `; α = ${alpha} nats`}.`;
  return figure(
    circuitMapSvg(mapOfCircuit(circuit, id)),
    html`${name !== "" && html`<strong>${name}.</strong> `}Circles are heads, squares MLPs; large cells are kept, small ones pruned.${scale}${untried}`,
    `Circuit map ${name}`,
  );
}
