/** The smallest circuit of the sweep that still does the task, which most people look for. */
import type { SweepRow } from "../../src/experiments/sweep-row.ts";
import { formatShare } from "../../src/report/format.ts";
import { unbroken } from "../parts/unbroken.ts";
import { accuracyOf, describe, promptsOf, rowKey, share, smallestAtLeast } from "./row-facts.ts";

/** The required share of right answers. */
const wanted = 0.99;

export interface SmallestProps {
  /** Has at least one row. */
  readonly rows: readonly SweepRow[];
  readonly onChoose: (key: string) => void;
}

export function Smallest({ rows, onChoose }: SmallestProps) {
  const [first] = rows;
  if (first === undefined) return null;
  const prompts = promptsOf(first);
  const found = smallestAtLeast(rows, wanted);
  if (found === undefined) {
    const best = Math.max(...rows.map((row) => accuracyOf(row).circuit));
    return (
      <p class="smallest">
        No circuit of this sweep is right on {unbroken("99 %")} of the {prompts}: the best is right on{" "}
        {unbroken(formatShare(best))}, the original on {unbroken(formatShare(accuracyOf(first).original))}.
      </p>
    );
  }
  return (
    <p class="smallest">
      The smallest circuit that is right on at least {unbroken("99 %")} of the {prompts} is{" "}
      <button type="button" class="link left" onClick={() => onChoose(rowKey(found))}>
        {describe(found)}
      </button>
      : {unbroken(formatShare(share(found)))} of the attention and MLP weights, right on{" "}
      {unbroken(formatShare(accuracyOf(found).circuit))}.
    </p>
  );
}
