/** A ranking of components, for a terminal and as CSV. */
import { formatCsv } from "../experiments/csv.ts";
import type { RankedModel } from "../jobs/rank/rank.ts";
import { formatCount, formatScore } from "./format.ts";
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
      `${String(at + 1).padStart(5)}  ${component.padEnd(width)}  ${score < 0 ? "" : " "}${formatScore(score)}`,
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
