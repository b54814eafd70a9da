/**
 * Evidence as two charts: what size costs (KL of the circuit, of random circuits of its size and of circuits along
 * the search's ranking), and how faithful the circuits along the ranking are.
 */
import type { CircuitEvidence, FaithfulnessCurve } from "../../jobs/evidence/evidence-result.ts";
import { formatKl, formatShare, plural } from "../format.ts";
import { type Html, html } from "../html/escape.ts";
import { pageColour } from "../html/page-colours.ts";
import { ink } from "./map-style.ts";
import { px, svgFrame } from "./svg.ts";
import { niceTicks, tickText } from "./trace-chart.ts";

const frame = { width: 476, height: 290, left: 66, right: 18, top: 34, bottom: 48 } as const;
const base = frame.height - frame.bottom;
const randomColour = pageColour("zero-ablation");
const curveColour = pageColour("mean-ablation");

interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** A KL of 0 has no place on a logarithmic axis: it stands at its foot. */
const leastKl = 1e-6;

function logAxis(values: readonly number[], from: number, to: number, text: (value: number) => string): Axis {
  const logs = values.map((value) => Math.log10(Math.max(leastKl, value)));
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)));
  const step = Math.max(1, Math.ceil((high - low) / 6));
  const exponents = Array.from(
    { length: Math.floor((high - low) / step) + 1 },
    (_, index) => low + index * step,
  );
  return {
    at: (value) =>
      from + (Math.max(0, Math.log10(Math.max(leastKl, value)) - low) / (high - low)) * (to - from),
    ticks: exponents.map((exponent) => ({ value: 10 ** exponent, text: text(exponent) })),
  };
}

function linearAxis(
  low: number,
  high: number,
  from: number,
  to: number,
  text: (value: number) => string,
): Axis {
  const ticks = niceTicks(low, high, 4);
  const [least = 0, most = 1] = [ticks[0], ticks.at(-1)];
  return {
    at: (value) => from + ((value - least) / (most - least)) * (to - from),
    ticks: ticks.map((value) => ({ value, text: text(value) })),
  };
}

/** What the chart of sizes shows. */
interface SizedEvidence extends Pick<CircuitEvidence, "circuit" | "curve"> {
  readonly random: Pick<CircuitEvidence["random"], "drawn">;
}

/** KL by size. */
export function evidenceSizeSvg({ circuit, random, curve }: SizedEvidence, id: string): string {
  const along = "missing" in curve ? [] : curve.points.filter(({ kl }) => Number.isFinite(kl));
  const kls = [circuit, ...random.drawn, ...along].map(({ kl }) => kl).filter((kl) => kl > leastKl);
  const x = linearAxis(
    0,
    1,
    frame.left,
    frame.width - frame.right,
    (share) => `${Math.round(100 * share)} %`,
  );
  const y = logAxis(kls.length > 0 ? kls : [1], base, frame.top, (exponent) => tickText(10 ** exponent));
  const points = along.map(({ size, kl }) => `${px(x.at(size))},${px(y.at(kl))}`);
  const dots = random.drawn.map(
    ({ size, kl }) =>
      html`<circle class="random" cx="${px(x.at(size))}" cy="${px(y.at(kl))}" r="3" fill="none" stroke="${randomColour}" stroke-width="1.25"><title>a random circuit: KL ${formatKl(kl)} nats</title></circle>`,
  );
  const marks = along.map(
    ({ count, size, kl }) =>
      html`<rect class="along" x="${px(x.at(size) - 3)}" y="${px(y.at(kl) - 3)}" width="6" height="6" fill="${curveColour}"><title>${plural(count, "component")}, ${formatShare(size)} of the body: KL ${formatKl(kl)} nats</title></rect>`,
  );
  const [cx, cy] = [x.at(circuit.size), y.at(circuit.kl)];
  const own = html`<path class="own" d="M${px(cx)} ${px(cy - 8)}l7 8l-7 8l-7 -8Z" fill="${ink.strong}"><title>this circuit: ${formatShare(circuit.size)} of the body, KL ${formatKl(circuit.kl)} nats</title></path>`;
  return svgFrame({
    ...{ id, width: frame.width, height: frame.height, title: "KL by size" },
    description: `This circuit keeps ${formatShare(circuit.size)} of the body at a KL of ${formatKl(circuit.kl)} nats; random circuits of its size have ${formatKl(Math.min(...random.drawn.map(({ kl }) => kl)))} nats at best.`,
    body: html`${grid(x, y)}<polyline points="${points.join(" ")}" fill="none" stroke="${curveColour}" stroke-width="1.75"/>${dots}${marks}${own}
${axisNames("attention and MLP weights kept", "KL, nats")}
<g class="legend" fill="${ink.soft}"><path d="M70 6l6 7l-6 7l-6 -7Z" fill="${ink.strong}"/><text x="82" y="17">this circuit</text><circle cx="168" cy="13" r="3.5" fill="none" stroke="${randomColour}" stroke-width="1.25"/><text x="178" y="17">random, of its size</text>${
      along.length > 0 &&
      html`<path d="M304 13h20" stroke="${curveColour}" stroke-width="1.75"/><rect x="311" y="10" width="6" height="6" fill="${curveColour}"/><text x="330" y="17">along its ranking</text>`
    }</g>`,
  });
}

/** Faithfulness by the share of the components, whose logarithm the axis has. */
export function faithfulnessSvg({ points, scored }: FaithfulnessCurve, id: string): string {
  const shown = points.filter(({ faithfulness }) => Number.isFinite(faithfulness));
  const values = shown.map(({ faithfulness }) => faithfulness);
  const shares = points.map(({ share }) => share);
  const percent = (exponent: number) => `${tickText(10 ** (exponent + 2))} %`;
  const x = logAxis(shares, frame.left, frame.width - frame.right, percent);
  const y = linearAxis(Math.min(0, ...values), Math.max(1, ...values), base, frame.top, tickText);
  const line = shown.map(({ share, faithfulness }) => `${px(x.at(share))},${px(y.at(faithfulness))}`);
  const marks = shown.map(
    ({ share, count, faithfulness }) =>
      html`<rect class="along" x="${px(x.at(share) - 3)}" y="${px(y.at(faithfulness) - 3)}" width="6" height="6" fill="${curveColour}"><title>${plural(count, "component")} (${formatShare(share)}): faithfulness ${faithfulness.toFixed(3)}</title></rect>`,
  );
  return svgFrame({
    ...{ id, width: frame.width, height: frame.height, title: "Faithfulness along the ranking" },
    description: `Circuits of the highest-ranked of ${plural(scored, "component")}: ${shown.map(({ count, faithfulness }) => `${count}: ${faithfulness.toFixed(2)}`).join(", ")}. The original has 1.`,
    body: html`${grid(x, y)}<line x1="${frame.left}" x2="${frame.width - frame.right}" y1="${px(y.at(1))}" y2="${px(y.at(1))}" stroke="${ink.soft}" stroke-dasharray="5 4"/><polyline points="${line.join(" ")}" fill="none" stroke="${curveColour}" stroke-width="1.75"/>${marks}
${axisNames("components kept, the highest-ranked", "faithfulness")}
<g class="legend" fill="${ink.soft}"><path d="M66 13h20" stroke="${ink.soft}" stroke-dasharray="5 4"/><text x="92" y="17">the original</text></g>`,
  });
}

function grid(x: Axis, y: Axis): Html {
  const rows = y.ticks.map(
    ({ value, text }) =>
      html`<line x1="${frame.left}" x2="${frame.width - frame.right}" y1="${px(y.at(value))}" y2="${px(y.at(value))}" stroke="${ink.line}"/><text x="${frame.left - 8}" y="${px(y.at(value) + 4)}" text-anchor="end" fill="${ink.soft}">${text}</text>`,
  );
  const columns = x.ticks.map(
    ({ value, text }) =>
      html`<line x1="${px(x.at(value))}" x2="${px(x.at(value))}" y1="${base}" y2="${base + 4}" stroke="${ink.soft}"/><text x="${px(x.at(value))}" y="${base + 18}" text-anchor="middle" fill="${ink.soft}">${text}</text>`,
  );
  return html`${rows}${columns}`;
}

function axisNames(x: string, y: string): Html {
  return html`<text x="${px((frame.left + frame.width - frame.right) / 2)}" y="${frame.height - 8}" text-anchor="middle" fill="${ink.soft}">${x}</text><text transform="translate(14 ${px((frame.top + base) / 2)}) rotate(-90)" text-anchor="middle" fill="${ink.soft}">${y}</text>`;
}
