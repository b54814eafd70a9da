/** A ranking of components, for a terminal and as CSV. */
import { formatCsv } from "../experiments/csv.ts";
import type { RankedModel } from "../jobs/rank/rank.ts";
import { formatCount } from "./format.ts";
import { layOut } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

/** @param out the file with all scores, if one was written. */
export function rankingReport(
  ranked: RankedModel,
  { top, out }: { readonly top: number; readonly out: string | undefined },
  style: TerminalStyle,
): string {
  const { components, ranking, model, task, loss, estimates, fails } = ranked;
  const shown = components.slice(0, top);
  const width = Math.max(0, ...shown.map(({ component }) => component.length));
  const lines = shown.map(
    ({ component, score }, at) =>
      `${String(at + 1).padStart(5)}  ${component.padEnd(width)}  ${formatScore(score)}`,
  );
  const rest = components.length - shown.length;
  return [
    ...layOut(
      [
        ["ranking", `${ranking} on ${task}, ${model}${loss === undefined ? "" : `, loss: ${loss}`}`],
        ["estimates", estimates],
        ["fails", fails],
        ...(out === undefined ? [] : [["scores", out] as const]),
      ],
      style,
    ),
    "",
    ...lines,
    ...(rest > 0 ? [style.dim(`       and ${formatCount(rest)} more`)] : []),
  ].join("\n");
}

/** All scores: rank, component, score. */
export function rankedCsv({ components }: RankedModel): string {
  return formatCsv(
    [
      ["rank", ({ rank }) => rank],
      ["component", ({ component }) => component],
      ["score", ({ score }) => score],
    ],
    components.map((each, at) => ({ ...each, rank: at + 1 })),
  );
}

/** Four significant digits: 0.3923, −0.00001234 as −1.234e-5. */
function formatScore(score: number): string {
  const text =
    Math.abs(score) >= 1e-4 || score === 0 ? Number(score.toPrecision(4)).toString() : score.toExponential(3);
  return score < 0 ? text : ` ${text}`;
}
