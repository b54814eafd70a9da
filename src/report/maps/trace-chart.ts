/**
 * A search as it went: the circuit's KL after every decision, as steps, with a mark where a component was kept
 * (the KL stays) and the layers below, in the order in which they were tried.
 */
import type { Decision } from "../../discovery/search.ts";
import { formatKl } from "../format.ts";
import { type Html, html, trusted } from "../html/escape.ts";
import { ink } from "./map-style.ts";
import { px, svgFrame } from "./svg.ts";

export interface TraceChart {
  readonly id: string;
  readonly trace: readonly Decision[];
  /** The bound below which an increase was pruned, in nats; left out where another rule decided. */
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
  const marks = trace.flatMap(({ pruned, component }, step) =>
    pruned ? [] : [keptMark(component, x(step + 0.5), y(kls[step] ?? 0))],
  );
  const hovers = trace.map(
    ({ layer, component, kl, delta, pruned, pass }, step) =>
      html`<rect class="step" x="${px(x(step))}" y="${frame.top}" width="${px(x(1) - x(0))}" height="${px(base - frame.top)}" fill="transparent"><title>step ${
        step + 1
      }${pass !== undefined && `, pass ${pass}`}: layer ${layer}, ${component.replace(".", " ")}, ${pruned ? "pruned" : "kept"}; KL ${formatKl(kl)} nats without it (${delta < 0 ? "−" : "+"}${formatKl(
        Math.abs(delta),
      )})</title></rect>`,
  );
  const last = new Map(trace.map(({ layer, component, pruned }) => [`${layer}.${component}`, pruned]));
  const kept = [...last.values()].filter((pruned) => !pruned).length;
  return svgFrame({
    id,
    width: frame.width,
    height: frame.height,
    title: "KL divergence by step of the search",
    description: `After ${trace.length} trials of ${last.size} candidates ${kept} are kept; the KL rises to ${formatKl(kls.at(-1) ?? 0)} nats.${alpha === undefined ? "" : ` An increase below ${alpha} nats was pruned.`}`,
    body: html`${grid}${layerBands(trace, x, base)}<path d="${path}" fill="none" stroke="${ink.strong}" stroke-width="1.75"/>
${marks}
<g>${hovers}</g>
<text x="${frame.left}" y="${frame.height - 8}" fill="${ink.soft}">layer, in the order tried (a step a candidate)</text>
<text transform="translate(14 ${px((frame.top + base) / 2)}) rotate(-90)" text-anchor="middle" fill="${ink.soft}">KL of the circuit, nats</text>
<g class="legend" fill="${ink.soft}">${keptMark("head.0", frame.width - 176, frame.height - 12)}<text x="${frame.width - 166}" y="${frame.height - 8}">head kept</text>${keptMark("mlp", frame.width - 88, frame.height - 12)}<text x="${frame.width - 78}" y="${frame.height - 8}">MLP kept</text></g>`,
  });
}

/** The circuit's KL after each decision: what was kept leaves it as it was, unless it was gone and comes back. */
export function currentKls(trace: readonly Decision[]): readonly number[] {
  let current = 0;
  const gone = new Set<string>();
  return trace.map(({ layer, component, kl, delta, pruned }) => {
    const name = `${layer}.${component}`;
    if (pruned) current = kl;
    else if (gone.has(name)) current = kl - delta;
    if (pruned) gone.add(name);
    else gone.delete(name);
    return current;
  });
}

function keptMark(component: string, x: number, y: number): Html {
  return component === "mlp"
    ? html`<rect class="mark" x="${px(x - 4)}" y="${px(y - 4)}" width="8" height="8" fill="${ink.mlp}" stroke="${ink.page}"/>`
    : html`<circle class="mark" cx="${px(x)}" cy="${px(y)}" r="4.5" fill="${ink.head}" stroke="${ink.page}"/>`;
}

/** Runs of decisions on one layer, with the layer's number below where there is room. */
function layerBands(trace: readonly Decision[], x: (step: number) => number, base: number): Html {
  const runs: { readonly layer: number; readonly start: number; end: number }[] = [];
  for (const [step, { layer }] of trace.entries()) {
    const last = runs.at(-1);
    if (last?.layer === layer) last.end = step + 1;
    else runs.push({ layer, start: step, end: step + 1 });
  }
  let free = 0;
  const labels = runs.map(({ layer, start, end }, index) => {
    const middle = (x(start) + x(end)) / 2;
    const line =
      index > 0 &&
      html`<line x1="${px(x(start))}" x2="${px(x(start))}" y1="${frame.top}" y2="${base + 4}" stroke="${ink.line}"/>`;
    if (middle - 10 < free) return line || trusted("");
    free = middle + 10;
    return html`${line}<text x="${px(middle)}" y="${base + 17}" text-anchor="middle" fill="${ink.soft}">${layer}</text>`;
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

function tickText(tick: number): string {
  return String(Number(tick.toPrecision(6))).replace("-", "−");
}
