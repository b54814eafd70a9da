/** The content of circuit.json as cards, and as tables that say how each figure was measured. */

import type { CircuitFile } from "../../export/circuit-file.ts";
import { constantsText, constantsWarning } from "../../export/constants-text.ts";
import { shapeOfFile } from "../../export/file-circuit.ts";
import { meansText, sinkText } from "../../export/means-text.ts";
import { describeSearch } from "../../export/search-text.ts";
import { taskLabel } from "../../export/task-label.ts";
import { countComponents } from "../../transformer/circuit.ts";
import { componentsOfModel } from "../../transformer/component.ts";
import {
  formatChange,
  formatCount,
  formatKl,
  formatMilliseconds,
  formatShare,
  formatSpeed,
  plural,
} from "../format.ts";
import { keptOfAll } from "../kept-text.ts";
import { targetRows, targetText } from "../terminal-target.ts";
import { circuitMeasures, type ReportedSplit, reportedSplits } from "./circuit-measures.ts";
import { type Html, type HtmlValue, html } from "./escape.ts";
import { table } from "./page.ts";

/** The split whose figures come first; undefined if nothing was measured. */
function firstSplit({ metrics }: CircuitFile): ReportedSplit | undefined {
  return reportedSplits.find((split) => metrics.accuracy[split] !== undefined);
}

export function headline(circuit: CircuitFile): Html {
  const { metrics } = circuit;
  const split = firstSplit(circuit);
  const accuracy = split && metrics.accuracy[split];
  const kl = split && metrics.kl[split];
  const { parameters, milliseconds: time } = metrics;
  return html`<div class="cards">
${accuracy && card(`${split} accuracy`, formatShare(accuracy.circuit), `original ${formatShare(accuracy.original)}`)}
${kl !== undefined && card("KL from the original", html`${formatKl(kl)} <span class="unit">nats</span>`, klDetail(circuit, split ?? "test"))}
${card("components kept", `${countComponents(circuit.kept)} of ${componentsOfModel(shapeOfFile(circuit)).length}`, keptText(circuit))}
${card("parameters", formatChange(parameters.original.total, parameters.circuit.total), `${formatCount(parameters.circuit.total)} of ${formatCount(parameters.original.total)}, embeddings and biases counted`)}
${time && card("time a prompt", formatMilliseconds(time.circuit), `original ${formatMilliseconds(time.original)}${time.speed === undefined ? "" : `: ${formatSpeed(time.speed)}`}`)}
</div>`;
}

function klDetail({ constants }: CircuitFile, split: ReportedSplit): string {
  const plain = split === "patching" ? undefined : constants?.plain.kl[split];
  const fitted =
    plain === undefined ? "" : `; ${formatKl(plain)} under plain means: its constants were fitted`;
  return `mean over the ${split} prompts${fitted}`;
}

function card(label: string, value: HtmlValue, detail: string): Html {
  return html`<div class="card"><span class="label">${label}</span><span class="figure-value">${value}</span><span class="detail">${detail}</span></div>`;
}

export function keptText(circuit: CircuitFile): string {
  return keptOfAll(circuit).join(", ");
}

/**
 * The target, the values that were reached, and how certain it is that the circuit is smallest; empty for a
 * circuit of one α.
 */
export function targetFacts(circuit: CircuitFile): Html {
  const rows = targetRows(circuit);
  return html`<dl class="facts">${rows.map(
    ([label, ...facts]) => html`<dt>${label}</dt><dd>${facts.map((fact) => html`<div>${fact}</div>`)}</dd>`,
  )}</dl>`;
}

/** How the circuit was found, in one or two sentences below the chart of its trace. */
export function traceCaption({ search, target, triedAs }: CircuitFile): string {
  const { trace } = search;
  const { decision } = describeSearch(search);
  const line = "where one is kept, the line stays level and carries a mark.";
  const start = `The circuit's KL from the original on the validation prompts after each of ${plural(trace.length, "decision")}.`;
  if (target !== undefined) {
    const begin =
      target.alpha === undefined
        ? "It began with the whole model."
        : `It began with the circuit of α = ${target.alpha}; a step's pass is shown by pointing at it, and from pass 2 on the target decided.`;
    return `${start} ${begin} ${decision}; ${line}`;
  }
  const last = Math.max(1, ...trace.map(({ pass }) => pass ?? 1));
  const again = last === 1 ? "" : ` There were ${last} passes: each tries again what the one before kept.`;
  const together = triedAs === undefined ? "" : ` Components were tried together, as ${triedAs}.`;
  return `${start} ${decision}; ${line}${together}${again}`;
}

export function measuresTable(circuit: CircuitFile): Html {
  return table({
    caption: "Every figure beside the original's",
    columns: [
      { name: "measure" },
      { name: "original", number: true },
      { name: "circuit", number: true },
      { name: "change", number: true },
      { name: "how it was measured" },
    ],
    rows: circuitMeasures(circuit).map(({ name, original, circuit: own, change, how }) => [
      name,
      original,
      own,
      change,
      html`<span class="hint">${how}</span>`,
    ]),
  });
}

/** Several circuits side by side. @param names that the report uses. */
export function comparisonTable(circuits: readonly CircuitFile[], names: readonly string[]): Html {
  const all = circuits.map(
    (circuit) => new Map(circuitMeasures(circuit).map((each) => [each.name, each.circuit])),
  );
  const labels = [...new Set(all.flatMap((each) => [...each.keys()]))];
  const rows: readonly (readonly HtmlValue[])[] = [
    ["model", ...circuits.map(({ model }) => model.name)],
    ["task", ...circuits.map(taskLabel)],
    ["found", ...circuits.map(ruleText)],
    ["ablation", ...circuits.map(({ replacement }) => ablationText(replacement))],
    ["means", ...circuits.map(({ replacement }) => meansText(replacement).replace(" means", ""))],
    ...(circuits.some(({ constants }) => constants !== undefined)
      ? [["constants", ...circuits.map(({ constants }) => (constants ? constantsText(constants) : "means"))]]
      : []),
    ["prompts", ...circuits.map(inputText)],
    ["kept", ...circuits.map(keptText)],
    ...labels.map((label) => [label, ...all.map((each) => each.get(label) ?? "not measured")]),
  ];
  return table({
    caption: "The circuits side by side",
    columns: [{ name: "measure" }, ...names.map((name) => ({ name }))],
    rows,
  });
}

/** The rule of the search: a threshold with its bounds, or a target. */
function ruleText({ search, target }: CircuitFile): string {
  const { rule, bounds = [] } = describeSearch(search);
  return [target === undefined ? rule : targetText(target), ...bounds].join(", ");
}

export function searchText(circuit: CircuitFile): string {
  const { replacement, constants } = circuit;
  const fitted = constants === undefined ? "" : `, ${constantsText(constants)}`;
  return `${ruleText(circuit)}, ${ablationText(replacement)} ablation, ${meansText(replacement)}${fitted}, ${inputText(circuit)}`;
}

function inputText({ profile }: CircuitFile): string {
  return profile.kind === "aligned"
    ? `prompts of ${plural(profile.length, "token")}`
    : "prompts of any length";
}

/** How the circuit was made. */
export function provenance(circuit: CircuitFile, directory: string): Html {
  const { model, task } = circuit;
  const { manner = [] } = describeSearch(circuit.search);
  const sets = reportedSplits.map((split) => `${formatCount(task.examples[split])} ${split}`).join(", ");
  const facts: readonly (readonly [string, HtmlValue])[] = [
    ["folder", directory],
    ["model", `${model.name} (${model.family}, ${plural(model.layers, "layer")}, width ${model.width})`],
    ...(model.notes ?? []).map((note) => ["its checkpoint", note] as const),
    ["weights", model.files.map(({ name, sha256 }) => `${name}, SHA-256 ${sha256.slice(0, 16)}…`).join("; ")],
    ["task", `${taskLabel(circuit)} (${sets} prompts), SHA-256 ${task.sha256.slice(0, 16)}…`],
    [
      "search",
      [searchText(circuit), ...manner, `seed ${task.seed}`, ...(task.bos ? ["start token first"] : [])].join(
        ", ",
      ),
    ],
    ...firstPositionFacts(circuit.replacement),
    ...(circuit.constants === undefined ? [] : [["constants", constantsWarning] as const]),
    ["made by", `Pith ${circuit.pith}`],
  ];
  return html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** How the first position is treated where that was decided by what the model does with it. */
function firstPositionFacts({
  firstPosition,
  sink,
}: CircuitFile["replacement"]): readonly (readonly [string, string])[] {
  if (firstPosition === undefined || sink === undefined) return [];
  const how = firstPosition === "apart" ? "has means of its own" : "is one as all others";
  return [["first position", `${how}: ${sinkText(sink)}`]];
}

/** "mean", "zero", or "zero (value biases kept)". */
function ablationText({ ablation, valueBias }: CircuitFile["replacement"]): string {
  return valueBias === "kept" ? `${ablation} (value biases kept)` : ablation;
}
