/** The size–KL curve of a circuit's search, for a terminal. */
import { type CurvedCircuit, curveSplit, rankingText } from "./curve-text.ts";
import { formatKl, formatShare } from "./format.ts";
import type { Row } from "./layout.ts";

const perLine = 3;
/** So that the columns of a line stand below those of the line before. */
const column = 18;

/** Empty for a circuit whose search ranks no sizes. */
export function curveRows(circuit: CurvedCircuit): readonly Row[] {
  const { curve } = circuit;
  if (curve === undefined) return [];
  const split = curveSplit(curve);
  const points = curve.map(({ size, kl }) => `${formatShare(size)}: ${formatKl(kl[split] ?? Number.NaN)}`);
  const lines = Array.from({ length: Math.ceil(points.length / perLine) }, (_, line) =>
    points
      .slice(perLine * line, perLine * (line + 1))
      // Wrapped at spaces, so that its own must be no breaks.
      .map((point) => point.replaceAll(" ", "\u00a0").padEnd(column, "\u00a0"))
      .join(" ")
      .trimEnd(),
  );
  return [
    [
      "all sizes",
      `cuts along ${rankingText(circuit)}: share of the body, KL on the ${split} prompts`,
      ...lines,
    ],
  ];
}
