/**
 * Circuits of all sizes as a chart: KL against the share of the body that stays, both logarithmic. A line is the curve
 * of one ranking; dots are circuits of searches of their own. Panels stand side by side on the same axes.
 */
import { type Html, html } from "../html/escape.ts";
import { type PageColour, pageColour } from "../html/page-colours.ts";
import { ink } from "./map-style.ts";
import { px, svgFrame } from "./svg.ts";

export interface SizeKlPoint {
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  /** In nats. */
  readonly kl: number;
}

interface SizeKlSeries {
  readonly name: string;
  /** How its points are drawn: a line with squares, dots, or one ring. */
  readonly look: "line" | "dots" | "ring";
  readonly points: readonly SizeKlPoint[];
}

export interface SizeKlChart {
  readonly id: string;
  readonly title: string;
  readonly panels: readonly { readonly name: string; readonly series: readonly SizeKlSeries[] }[];
  /** The prompts that KL is of: "test prompts". */
  readonly prompts: string;
}

/** Smaller values are those of nearly the whole model, and of rounding. */
const leastKl = 1e-4;
/** Nothing and 0 have no place on logarithmic axes. */
const isShown = ({ size, kl }: SizeKlPoint): boolean => size > 0 && kl >= leastKl;
const panel = { width: 300, height: 250, gap: 34 } as const;
const edge = { left: 64, right: 16, top: 58, bottom: 54 } as const;
const colours: Readonly<Record<SizeKlSeries["look"], PageColour>> = {
  line: "accent",
  dots: "zero-ablation",
  ring: "ink",
};

interface Axes {
  readonly shares: readonly number[];
  readonly decades: readonly number[];
  readonly x: (size: number) => number;
  readonly y: (kl: number) => number;
}

export function sizeKlSvg({ id, title, panels, prompts }: SizeKlChart): string {
  const wide = panels.length === 1 ? 500 : panel.width;
  const drawn = panels.map(({ name, series }) => ({
    name,
    series: series.map((one) => ({ ...one, points: one.points.filter(isShown) })),
  }));
  const axes = axesOf(
    drawn.flatMap(({ series }) => series.flatMap(({ points }) => points)),
    wide,
  );
  const width = edge.left + panels.length * (wide + panel.gap) - panel.gap + edge.right;
  const height = edge.top + panel.height + edge.bottom;
  const legend = [...new Map(drawn.flatMap(({ series }) => series).map((one) => [one.name, one])).values()];
  return svgFrame({
    id,
    width,
    height,
    title,
    description: `KL against the share of the body that is left. ${drawn.map(({ name, series }) => `${name}: ${series.map(inWords).join("; ")}.`).join(" ")}`,
    // Alone, as a file, it has no page to inherit a font from.
    body: html`<g font-family="system-ui, sans-serif"><rect width="${width}" height="${height}" rx="6" fill="${pageColour("card")}"/>
${legendOf(legend)}
${drawn.map(
  ({ name, series }, at) =>
    html`<g transform="translate(${edge.left + at * (wide + panel.gap)} ${edge.top})">${panels.length > 1 && html`<text x="${wide / 2}" y="-8" text-anchor="middle" font-weight="600" fill="${ink.strong}">${name}</text>`}${gridOf(axes, wide, at === 0)}
${series.map((one) => drawSeries(one, axes))}</g>
`,
)}<text x="${px((edge.left + width - edge.right) / 2)}" y="${height - 10}" text-anchor="middle" fill="${ink.soft}">weights of attention and MLPs left, % (logarithmic)</text>
<text transform="translate(16 ${px(edge.top + panel.height / 2)}) rotate(-90)" text-anchor="middle" fill="${ink.soft}">KL, nats, ${prompts}</text></g>`,
  });
}

function inWords({ name, points }: SizeKlSeries): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return `${name}, no point`;
  const at = ({ size, kl }: SizeKlPoint) => `${percent(size)} % at ${nats(kl)} nats`;
  return `${name}, ${points.length === 1 ? at(first) : `from ${at(first)} to ${at(last)}`}`;
}

const ticksOfShares: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** The ticks from the last one that is no larger than all values on. */
function axesOf(points: readonly SizeKlPoint[], wide: number): Axes {
  const least = Math.min(1, ...points.map(({ size }) => size));
  const firstShare = ticksOfShares.findLast((tick) => tick <= least * 1.0001) ?? 0.01;
  const shares = ticksOfShares.filter((tick) => tick >= Math.min(firstShare, 0.5));
  const exponents = points.map(({ kl }) => Math.log10(kl));
  const low = Math.floor(Math.min(0, ...exponents));
  const high = Math.max(low + 1, Math.ceil(Math.max(low, ...exponents)));
  const from = Math.log(shares[0] ?? 0.01);
  return {
    shares,
    decades: Array.from({ length: high - low + 1 }, (_, at) => Number(`1e${low + at}`)),
    x: (size) => wide * (1 - Math.log(Math.max(size, shares[0] ?? 0)) / from),
    y: (kl) => panel.height * (1 - (Math.log10(kl) - low) / (high - low)),
  };
}

function gridOf({ shares, decades, x, y }: Axes, wide: number, labelled: boolean): Html {
  return html`${decades.map(
    (tick) =>
      html`<line x1="0" x2="${wide}" y1="${px(y(tick))}" y2="${px(y(tick))}" stroke="${ink.line}"/>${labelled && html`<text x="-8" y="${px(y(tick) + 4)}" text-anchor="end" fill="${ink.soft}">${nats(tick)}</text>`}`,
  )}${shares.map(
    (tick) =>
      html`<line x1="${px(x(tick))}" x2="${px(x(tick))}" y1="0" y2="${panel.height}" stroke="${ink.line}"/><text x="${px(x(tick))}" y="${panel.height + 18}" text-anchor="middle" fill="${ink.soft}">${percent(tick)}</text>`,
  )}`;
}

function drawSeries({ name, look, points }: SizeKlSeries, { x, y }: Axes): Html {
  const path = points
    .map(({ size, kl }, at) => `${at === 0 ? "M" : "L"}${px(x(size))} ${px(y(kl))}`)
    .join("");
  return html`${look === "line" && points.length > 1 && html`<path d="${path}" fill="none" stroke="${pageColour(colours.line)}" stroke-width="1.75"/>`}${points.map(
    ({ size, kl }) =>
      html`<g>${mark(look, px(x(size)), px(y(kl)))}<title>${name}: ${percent(size)} % of the body, KL ${nats(kl)} nats</title></g>`,
  )}`;
}

/** Shapes differ as colours do. */
function mark(look: SizeKlSeries["look"], x: number, y: number): Html {
  const colour = pageColour(colours[look]);
  switch (look) {
    case "line":
      return html`<rect x="${px(x - 3.5)}" y="${px(y - 3.5)}" width="7" height="7" fill="${colour}"/>`;
    case "dots":
      return html`<circle cx="${x}" cy="${y}" r="3.5" fill="${colour}"/>`;
    case "ring":
      return html`<circle cx="${x}" cy="${y}" r="6.5" fill="none" stroke="${colour}" stroke-width="2"/>`;
  }
}

/** An upper estimate of a character's width, so that entries don't overlap in any common font. */
const characterWidth = 6.6;

function legendOf(series: readonly SizeKlSeries[]): Html {
  let next = edge.left;
  return html`${series.map(({ name, look }) => {
    const start = next;
    next += 30 + name.length * characterWidth;
    return html`<g>${look === "line" && html`<path d="M${px(start - 8)} 20h16" stroke="${pageColour(colours.line)}" stroke-width="1.75"/>`}${mark(look, px(start), 20)}<text x="${px(start + 13)}" y="24" fill="${ink.strong}">${name}</text></g>`;
  })}`;
}

const percent = (share: number) => String(Number((100 * share).toPrecision(3)));
const nats = (kl: number) => String(Number(kl.toPrecision(3)));
