/** Maps values to positions on an axis of a chart, with ticks at round numbers. */
import { niceTicks } from "../../src/report/maps/trace-chart.ts";

export interface ChartAxis {
  readonly label: string;
  readonly from?: number;
  readonly to?: number;
  readonly log?: boolean;
}

export interface ChartScale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/**
 * @param values that the axis must include. @param start the axis's first position in the picture, @param end its
 * last.
 */
export function chartScale(
  { from, to, log = false }: ChartAxis,
  values: readonly number[],
  start: number,
  end: number,
): ChartScale {
  const place = (share: number) => Math.round(100 * (start + share * (end - start))) / 100;
  if (log) {
    const logs = values.map(Math.log10);
    // A small tolerance for ends that are powers of ten except for rounding.
    const [low, high] = [Math.floor(Math.min(...logs) + 1e-9), Math.ceil(Math.max(...logs) - 1e-9)];
    const most = Math.max(high, low + 1);
    const ticks = Array.from({ length: most - low + 1 }, (_, at) => Number(`1e${low + at}`));
    return { ticks, at: (value) => place((Math.log10(value) - low) / (most - low)) };
  }
  const ticks = niceTicks(from ?? Math.min(...values), to ?? Math.max(...values), 5);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  return { ticks, at: (value) => place((value - low) / (high - low)) };
}

/** Three significant digits, as a chart's labels and values are written. */
export function chartNumber(value: number): string {
  return String(Number(value.toPrecision(3))).replace("-", "−");
}
