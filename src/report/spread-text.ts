/** Means with their spread, as tables show them. */
import { type Spread, scaledSpread } from "../experiments/spread.ts";

/** "99.92 ± 0.18"; without the spread for a single run; "–" if it was not measured. */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return "–";
  const number = (value: number) => {
    const text = value.toFixed(digits);
    if (Number(text) === 0) return (0).toFixed(digits);
    return text.startsWith("-") ? `−${text.slice(1)}` : text;
  };
  return spread.std === undefined ? number(spread.mean) : `${number(spread.mean)} ± ${number(spread.std)}`;
}

/** A share in percent with two decimal places, as in the paper. */
export function percentText(share: Spread | undefined): string {
  return spreadText(share && scaledSpread(share, 100), 2);
}

/** Counts in millions. */
export function millionsText(count: Spread | undefined): string {
  return spreadText(count && scaledSpread(count, 1e-6), count !== undefined && count.mean >= 1e7 ? 2 : 3);
}

/** 0.0886 → "0.0886", 0.0085317 → "0.00853": three significant digits. */
export function alphaText(alpha: number): string {
  return String(Number(alpha.toPrecision(3)));
}
