/**
 * The contribution of each part of a circuit to the answer's logit, as bars with their spread, the largest first.
 */
import { html } from "../html/escape.ts";
import { ink, signColours } from "./map-style.ts";
import { px, signed, svgFrame } from "./svg.ts";
import { niceTicks } from "./trace-chart.ts";

interface AttributionBar {
  /** "head 5.4". */
  readonly name: string;
  readonly mean: number;
  /** Standard deviation over the prompts. */
  readonly deviation: number;
}

export interface AttributionBars {
  readonly id: string;
  readonly bars: readonly AttributionBar[];
  /** The quantity of the axis, with its unit. */
  readonly axis: string;
}

// As wide as half a page, so that two fit side by side.
const frame = { width: 476, left: 128, right: 92, top: 8, row: 22, bottom: 44 } as const;

export function attributionBarsSvg({ id, bars, axis }: AttributionBars): string {
  const sorted = bars.toSorted((a, b) => b.mean - a.mean);
  const ends = sorted.flatMap(({ mean, deviation }) => [mean - deviation, mean + deviation]);
  const ticks = niceTicks(Math.min(0, ...ends), Math.max(1e-6, ...ends), 4);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const x = (value: number) =>
    frame.left + ((value - low) / (high - low)) * (frame.width - frame.left - frame.right);
  const base = frame.top + sorted.length * frame.row;
  const grid = ticks.map(
    (tick) =>
      html`<line x1="${px(x(tick))}" x2="${px(x(tick))}" y1="${frame.top}" y2="${base}" stroke="${ink.line}"/><text x="${px(x(tick))}" y="${
        base + 16
      }" text-anchor="middle" fill="${ink.soft}">${signed(tick, tickDigits(high - low))}</text>`,
  );
  const rows = sorted.map(({ name, mean, deviation }, index) => {
    const y = frame.top + index * frame.row;
    const middle = y + frame.row / 2;
    const [from, to] = mean < 0 ? [x(mean), x(0)] : [x(0), x(mean)];
    const value = `${signed(mean, 2)} ± ${deviation.toFixed(2)}`;
    return html`<g class="bar"><title>${name}: ${signed(mean, 4)}, standard deviation ${deviation.toFixed(4)}</title><rect x="${frame.left}" y="${px(y)}" width="${
      frame.width - frame.left
    }" height="${frame.row}" fill="transparent"/><text x="${frame.left - 8}" y="${px(middle + 4)}" text-anchor="end">${name}</text><rect x="${px(from)}" y="${px(
      y + 4,
    )}" width="${px(Math.max(0.75, to - from))}" height="${frame.row - 8}" rx="2" fill="${
      mean < 0 ? signColours.negative : signColours.positive
    }"/><path d="M${px(x(mean - deviation))} ${middle}H${px(x(mean + deviation))}" stroke="${ink.strong}" stroke-width="1.25"/><text x="${
      frame.width - 4
    }" y="${px(middle + 4)}" text-anchor="end" fill="${ink.soft}">${value}</text></g>
`;
  });
  const [strongest] = sorted;
  return svgFrame({
    id,
    width: frame.width,
    height: base + frame.bottom,
    title: "Direct logit attribution",
    description: `${sorted.length} parts${strongest === undefined ? "" : `; ${strongest.name} adds most, ${signed(strongest.mean, 2)}`}. Bars are means over prompts, lines one standard deviation to each side.`,
    body: html`${grid}<line x1="${px(x(0))}" x2="${px(x(0))}" y1="${frame.top}" y2="${base}" stroke="${ink.soft}"/>
${rows}<text x="${px((frame.left + frame.width - frame.right) / 2)}" y="${base + 36}" text-anchor="middle" fill="${ink.soft}">${axis}</text>`,
  });
}

function tickDigits(span: number): number {
  return span >= 4 ? 0 : span >= 0.4 ? 1 : 3;
}
