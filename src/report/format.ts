/** Formats numbers for people, in the same way in the terminal, in model cards and in reports. */

import type { SpeedRatio } from "../measure/speed-ratio.ts";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 3103104 → "3,103,104". */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** Decimal units: 6213304 → "6.21 MB". */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  // 999.6 kB would otherwise be written as 1000 kB.
  while (unit < units.length - 1 && value >= (unit === 0 ? 1000 : 999.5)) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? formatCount(value) : significant(value)} ${units[unit]}`;
}

/** A share of one: 0.9933 → "99.3 %". */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A relative change: (200, 150) → "−25.0 %". */
export function formatChange(before: number, after: number): string {
  if (before === 0) return after === 0 ? "±0.0 %" : "new";
  const percent = ((100 * (after - before)) / before).toFixed(1);
  if (Number(percent) === 0) return "±0.0 %";
  return percent.startsWith("-") ? `−${percent.slice(1)} %` : `+${percent} %`;
}

/** 0.834 → "0.834 ms". */
export function formatMilliseconds(milliseconds: number): string {
  return `${significant(milliseconds)} ms`;
}

/**
 * A ratio of two speeds: "1.5 times as fast (1.4 to 1.6)", "1.3 times as slow (1.2 to 1.4)", or, where the
 * interval contains 1, that the difference is not certain.
 */
export function formatSpeed({
  ratio,
  interval: [low, high],
}: Pick<SpeedRatio, "ratio" | "interval">): string {
  const range = (from: number, to: number) => `${twoDigits(from)} to ${twoDigits(to)}`;
  if (low > 1) return `${twoDigits(ratio)} times as fast (${range(low, high)})`;
  if (high < 1) return `${twoDigits(1 / ratio)} times as slow (${range(1 / high, 1 / low)})`;
  return `too noisy to tell which is faster (${range(low, high)} times as fast)`;
}

const twoDigits = (value: number) => (value < 9.95 ? value.toFixed(value < 1.095 ? 2 : 1) : value.toFixed(0));

/** 4.21 → "4.2 s", 83 → "1 min 23 s", 7260 → "2 h 1 min". */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** In nats: 0.1252 → "0.1252"; very small values keep their digits, 3.1e-6 → "3.1e-6". */
export function formatKl(nats: number): string {
  const size = Math.abs(nats);
  return size !== 0 && size < 5e-4 ? nats.toExponential(1) : nats.toFixed(4);
}

/** Three significant digits, without an exponent. */
function significant(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3;
  return value.toFixed(digits);
}

/** "1 prompt", "150 prompts". */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Four significant digits of a score of any size: 0.3923, −0.00001234 as "−1.234e-5". */
export function formatScore(score: number): string {
  const isPlain = Math.abs(score) >= 1e-4 || score === 0;
  const text = isPlain ? Number(score.toPrecision(4)).toString() : score.toExponential(3);
  return text.replace(/^-/, "−");
}
