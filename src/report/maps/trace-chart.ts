/**
 * The course of a search as a chart: the circuit's KL after every decision, as steps, with a mark where a
 * component was kept (the KL does not change there). Below are the layers in the order in which they were tried,
 * or the passes if there are several.
 */
import type { Decision } from "../../discovery/searches/decision.ts";
import { type ComponentKind, componentOf, nameOfRecord } from "../../transformer/component.ts";
import { formatKl } from "../format.ts";
import { type Html, html, trusted } from "../html/escape.ts";
import { ink, klBin, klColour } from "./map-style.ts";
import { px, svgFrame } from "./svg.ts";

export interface TraceChart {
  readonly id: string;
  readonly trace: readonly Decision[];
  /** The largest increase that was pruned, in nats; left out if another rule decided. */
  readonly alpha?: number;
}

const frame = { width: 580, height: 286, left: 62, right: 14, top: 16, bottom: 56 } as const;

export function traceChartSvg({ id, trace, alpha }: TraceChart): string {
  const kls = currentKls(trace);
  const least = Math.min(0, ...kls);
  const ticks = niceTicks(least, Math.max(1e-9, ...kls), 5);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const room = frame.width - frame.left - frame.right;
  const x = (step: number) => frame.left + (step / Math.max(1, trace.length)) * room;
  const y = (kl: number) =>
    frame.top + (1 - (kl - low) / (high - low)) * (frame.height - frame.top - frame.bottom);
  const base = frame.height - frame.bottom;

  const grid = ticks.map(
    (tick) =>
      html`<line x1="${frame.left}" x2="${frame.width - frame.right}" y1="${px(y(tick))}" y2="${px(y(tick))}" stroke="${ink.line}"/><text x="${
        frame.left - 8
      }" y="${px(y(tick) + 4)}" text-anchor="end" fill="${ink.soft}">${tickText(tick)}</text>`,
  );
  const path = kls.reduce(
    (line, kl, step) => `${line}V${px(y(kl))}H${px(x(step + 1))}`,
    `M${x(0)} ${px(y(0))}`,
  );
  const pitch = x(1) - x(0);
  const keptMark = pitch < leastPitch ? tickMark(Math.max(0.5, 0.7 * pitch)) : shapeMark;
  const marks = trace.flatMap((decision, step) =>
    decision.pruned
      ? []
      : [keptMark(componentOf(decision).kind, x(step + 0.5), y(kls[step] ?? 0), klBin(decision.delta))],
  );
  const hovers = trace.map(
    ({ layer, component, also = [], kl, delta, pruned, atLeast, pass }, step) =>
      html`<rect class="step" x="${px(x(step))}" y="${frame.top}" width="${px(pitch)}" height="${px(base - frame.top)}" fill="transparent"><title>step ${
        step + 1
      }${pass !== undefined && `, pass ${pass}`}: layer ${layer}, ${[component, ...also].map((name) => name.replace(".", " ")).join(", ")}, ${pruned ? "pruned" : "kept"}; KL ${atLeast && "≥ "}${formatKl(kl)} nats without it (${atLeast && "≥ "}${delta < 0 ? "−" : "+"}${formatKl(
        Math.abs(delta),
      )})</title></rect>`,
  );
  const last = new Map(trace.map((decision) => [nameOfRecord(decision), decision.pruned]));
  const kept = [...last.values()].filter((pruned) => !pruned).length;
  return svgFrame({
    id,
    width: frame.width,
    height: frame.height,
    title: "KL divergence by step of the search",
    description: `After ${trace.length} trials of ${last.size} candidates ${kept} are kept; the KL rises to ${formatKl(kls.at(-1) ?? 0)} nats.${alpha === undefined ? "" : ` An increase below ${alpha} nats was pruned.`}`,
    body: html`${grid}${bands(runsOf(trace), x, base)}<path d="${path}" fill="none" stroke="${ink.strong}" stroke-width="1.75"/>
${marks}
<g>${hovers}</g>
<text x="${frame.left}" y="${frame.height - 8}" fill="${ink.soft}">${hasPasses(trace) ? "pass, from last layer to first (a step a trial)" : "layer, in the order tried (a step a candidate)"}</text>
<text transform="translate(14 ${px((frame.top + base) / 2)}) rotate(-90)" text-anchor="middle" fill="${ink.soft}">KL of the circuit, nats</text>
<g class="legend" fill="${ink.soft}">${legendMark(keptMark, "head", frame.width - 176)}<text x="${frame.width - 166}" y="${frame.height - 8}">head kept</text>${legendMark(keptMark, "mlp", frame.width - 88)}<text x="${frame.width - 78}" y="${frame.height - 8}">MLP kept</text></g>`,
  });
}

/**
 * The circuit's KL after each decision: keeping a component leaves the KL unchanged, unless the component was
 * pruned before and is now restored.
 * @internal
 */
export function currentKls(trace: readonly Decision[]): readonly number[] {
  let current = 0;
  const gone = new Set<string>();
  return trace.map(({ kl, delta, pruned, ...record }) => {
    const name = nameOfRecord(record);
    if (pruned) current = kl;
    else if (gone.has(name)) current = kl - delta;
    if (pruned) gone.add(name);
    else gone.delete(name);
    return current;
  });
}

/** @param bin of the cost of replacing the component. */
type KeptMark = (kind: ComponentKind, x: number, y: number, bin: number) => Html;

/** If steps are closer than this, marks are ticks, because shapes would overlap. */
const leastPitch = 7;

/** As on the map: heads round, MLPs square, in the colour of the cost of replacing them. */
function shapeMark(kind: ComponentKind, x: number, y: number, bin: number): Html {
  const look = html`fill="${klColour(bin)}" stroke="${ink.strong}" stroke-width="1.25"`;
  switch (kind) {
    case "head":
      return html`<circle class="mark" cx="${px(x)}" cy="${px(y)}" r="4.5" ${look}/>`;
    case "mlp":
      return html`<rect class="mark" x="${px(x - 4)}" y="${px(y - 4)}" width="8" height="8" ${look}/>`;
    case "neuron":
      return html`<rect class="mark" x="${px(x - 1.5)}" y="${px(y - 4)}" width="3" height="8" ${look}/>`;
  }
}

/** The position of a tick's upper end, relative to the line. */
const tickTops: Readonly<Record<ComponentKind, number>> = { head: -9, mlp: 2, neuron: 2 };

/**
 * Ticks of heads are above the line, those of MLPs and of neurons below it; colours could not be distinguished on so few pixels.
 */
function tickMark(width: number): KeptMark {
  return (kind, x, y) =>
    html`<rect class="mark" x="${px(x - width / 2)}" y="${px(y + tickTops[kind])}" width="${px(width)}" height="7" fill="${ink.strong}"/>`;
}

/** A little wider than a tick in the chart, which is one of many. */
function legendMark(mark: KeptMark, kind: ComponentKind, x: number): Html {
  const y = frame.height - 12;
  if (mark === shapeMark) return mark(kind, x, y, 3);
  return html`${tickMark(2)(kind, x, y, 3)}<path d="M${x - 7} ${y}h14" stroke="${ink.strong}" stroke-width="1.75"/>`;
}

function hasPasses(trace: readonly Decision[]): boolean {
  return trace.some(({ pass }) => (pass ?? 1) !== (trace[0]?.pass ?? 1));
}

interface Run {
  readonly label: number;
  readonly start: number;
  end: number;
}

/** Consecutive decisions on one layer; with several passes, those of one pass. */
function runsOf(trace: readonly Decision[]): readonly Run[] {
  const byPass = hasPasses(trace);
  const runs: Run[] = [];
  for (const [step, { layer, pass = 1 }] of trace.entries()) {
    const label = byPass ? pass : layer;
    const last = runs.at(-1);
    if (last?.label === label) last.end = step + 1;
    else runs.push({ label, start: step, end: step + 1 });
  }
  return runs;
}

/** Runs with their numbers below, if there is space. */
function bands(runs: readonly Run[], x: (step: number) => number, base: number): Html {
  let free = 0;
  const labels = runs.map(({ label, start, end }, index) => {
    const middle = (x(start) + x(end)) / 2;
    const line =
      index > 0 &&
      html`<line x1="${px(x(start))}" x2="${px(x(start))}" y1="${frame.top}" y2="${base + 4}" stroke="${ink.line}"/>`;
    if (middle - 10 < free) return line || trusted("");
    free = middle + 10;
    return html`${line}<text x="${px(middle)}" y="${base + 17}" text-anchor="middle" fill="${ink.soft}">${label}</text>`;
  });
  return html`${labels}`;
}

/** Round numbers from at most `low` to at least `high`. */
export function niceTicks(low: number, high: number, count: number): readonly number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

/** A round number, with a true minus sign. */
export function tickText(tick: number): string {
  return String(Number(tick.toPrecision(6))).replace("-", "−");
}
