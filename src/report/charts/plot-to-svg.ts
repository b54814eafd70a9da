/**
 * Makes an SVG that stands alone from a plot: with size, view box, title and description for screen readers, a
 * background, generic fonts and a legend, and without a style sheet, which some viewers do not support.
 */
import * as Plot from "@observablehq/plot";
import type { ChartTheme } from "./theme.ts";

/** The document that a chart is drawn with: linkedom's on Node, the page's own in a browser. */
export interface ChartCanvas {
  readonly document: Document;
  readonly theme: ChartTheme;
}

/** A sample of a line or a mark, and its meaning. */
export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
  readonly dash?: string;
  readonly symbol?: "circle" | "triangle";
  /** Whether only the mark is drawn, without a line through it. */
  readonly noLine?: boolean;
}

export interface ChartText {
  /** What the chart shows, one line. */
  readonly title: string;
  /** A description for screen readers: axes, curves, main result. */
  readonly description: string;
  readonly legend: readonly LegendEntry[];
}

const svgNamespace = "http://www.w3.org/2000/svg";
const fontSize = 13;
const padding = 14;
const legendLine = 22;
/** An upper estimate of a character's width, so that entries don't overlap in any common font. */
const characterWidth = 7.1;
const sampleWidth = 30;

/** A plot without title and legend, in the theme's colours. */
export type SizedPlot = Plot.PlotOptions & { readonly width: number; readonly height: number };

/** @param plots from left to right; several where panels have axes of their own. */
export function plotToSvg(
  plots: SizedPlot | readonly SizedPlot[],
  { title, description, legend }: ChartText,
  { document, theme }: ChartCanvas,
): string {
  const all = [plots].flat();
  const width = all.reduce((sum, plot) => sum + plot.width, 0);
  const height = Math.max(...all.map((plot) => plot.height));
  const make = (name: string, attributes: Readonly<Record<string, string | number>>, text = "") => {
    const element = document.createElementNS(svgNamespace, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    if (text !== "") element.textContent = text;
    return element;
  };
  const places = layOut(legend, width);
  const legendHeight = ((places.at(-1)?.line ?? -1) + 1) * legendLine;
  const [outerWidth, outerHeight] = [width + 2 * padding, height + legendHeight + 2 * padding];
  const root = make("svg", {
    xmlns: svgNamespace,
    ...{ width: outerWidth, height: outerHeight, viewBox: `0 0 ${outerWidth} ${outerHeight}` },
    ...{ role: "img", "aria-label": title, "font-family": "system-ui, sans-serif", "font-size": fontSize },
  });
  root.append(make("title", {}, title), make("desc", {}, description));
  root.append(make("rect", { width: outerWidth, height: outerHeight, rx: 6, fill: theme.background }));
  for (const [index, entry] of legend.entries()) {
    const place = places[index];
    if (place === undefined) continue;
    const group = make("g", {
      transform: `translate(${padding + place.x},${padding + place.line * legendLine + legendLine / 2})`,
    });
    group.append(...legendSample(entry, make));
    group.append(make("text", { x: sampleWidth + 7, y: "0.34em", fill: theme.ink }, entry.label));
    root.append(group);
  }
  let x = padding;
  for (const plot of all) {
    const style = { fontSize: `${fontSize}px`, color: theme.ink, background: "none" };
    const inner = Plot.plot({ ...plot, document, style });
    cleanPlot(inner);
    const place = { x, y: padding + legendHeight, width: plot.width, height: plot.height };
    for (const [key, value] of Object.entries(place)) inner.setAttribute(key, String(value));
    root.append(inner);
    x += plot.width;
  }
  return tidy(root.outerHTML);
}

/** Plot's own style sheet is removed; attributes, which every viewer supports, replace it. */
function cleanPlot(svg: Element): void {
  for (const style of svg.querySelectorAll("style")) style.remove();
  for (const name of ["class", "fill", "xmlns:xlink"]) svg.removeAttribute(name);
  svg.setAttribute("fill", "currentColor");
  svg.setAttribute("overflow", "visible");
}

/**
 * Arranges entries in as few lines as they need, evenly filled, and in columns if there is more than one line.
 */
function layOut(legend: readonly LegendEntry[], width: number) {
  const widths = legend.map(({ label }) => sampleWidth + 7 + label.length * characterWidth + 22);
  for (let perLine = legend.length; perLine > 0; perLine--) {
    const lines = Math.ceil(legend.length / perLine);
    const even = Math.ceil(legend.length / lines);
    const columns = Array.from({ length: even }, (_, column) =>
      Math.max(...widths.filter((_, index) => index % even === column)),
    );
    const starts = columns.map((_, column) => columns.slice(0, column).reduce((sum, each) => sum + each, 0));
    if (even > 1 && (starts.at(-1) ?? 0) + (columns.at(-1) ?? 0) > width + 22) continue;
    return legend.map((_, index) => ({ x: starts[index % even] ?? 0, line: Math.floor(index / even) }));
  }
  return [];
}

function legendSample(
  { colour, dash, symbol, noLine }: LegendEntry,
  make: (name: string, attributes: Readonly<Record<string, string | number>>) => Element,
): readonly Element[] {
  const line = make("line", {
    ...{ x1: 0, x2: sampleWidth, y1: 0, y2: 0, stroke: colour, "stroke-width": 2 },
    ...(dash !== undefined && { "stroke-dasharray": dash }),
  });
  const middle = sampleWidth / 2;
  const mark =
    symbol === "triangle"
      ? make("path", { d: `M${middle},-5.5L${middle + 5},4L${middle - 5},4Z`, fill: colour })
      : make("circle", { cx: middle, cy: 0, r: 4, fill: colour });
  return [...(noLine ? [] : [line]), ...(symbol === undefined ? [] : [mark])];
}

/** Rounds numbers: twelve decimal places are useless, and they differ between machines. */
function tidy(svg: string): string {
  return svg.replace(/-?\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2))));
}

/** Ticks of a logarithmic axis over these values: powers of ten, "10⁻⁵" … "1". */
export function powerOfTen(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (exponent === 0) return "1";
  if (exponent === 1) return "10";
  return `10${[...String(exponent)].map((digit) => superscripts[digit] ?? digit).join("")}`;
}

const superscripts: Readonly<Record<string, string>> = {
  ...{ "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴" },
  ...{ "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹" },
};
