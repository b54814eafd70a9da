/** The section with rankings of the original's components, beside what the search found when it tried each. */
import type { ShownRankings } from "../../jobs/report/report-rankings.ts";
import { componentTitle } from "../../transformer/component.ts";
import { formatScore } from "../format.ts";
import { type Html, html } from "./escape.ts";
import { table } from "./page.ts";

/** More rows than a page should have. */
const mostRows = 80;

export function rankingsSection({ rankings, components }: ShownRankings): Html {
  const shown = components.slice(0, mostRows);
  const rest = components.length - shown.length;
  return html`<p>What several rankings say of the original's components before any is pruned, beside the increase of KL that the search found when it replaced each, given what it had decided before. They ask different questions, so they need not agree.</p>
${table({
  caption: "The rankings",
  columns: [
    { name: "ranking" },
    { name: "loss" },
    { name: "estimates" },
    { name: "fails" },
    { name: "agrees with the search", number: true },
  ],
  rows: rankings.map(({ ranking, loss, estimates, fails, agreement }) => [
    ranking,
    loss ?? "",
    estimates,
    fails,
    agreement === undefined ? "" : agreement.toFixed(2),
  ]),
})}
<p class="hint">Agreement is Spearman's rank correlation with the search's increases: 1 is the same order, 0 none. Where the search left no exact increase, because a component was not tried by itself or its trial ended early at a lower bound, there is none, and the component does not count.</p>
${table({
  caption: "Scores of heads and MLPs, and the search's increases of KL",
  columns: [
    { name: "component" },
    { name: "circuit" },
    { name: "search: Δ, nats", number: true },
    ...rankings.map(({ ranking }) => ({ name: ranking, number: true })),
  ],
  rows: shown.map(({ component, kept, delta, scores }) => [
    componentTitle(component),
    kept ? "kept" : "pruned",
    delta === undefined ? "" : formatScore(delta),
    ...scores.map(formatScore),
  ]),
})}
${rest > 0 && html`<p class="hint">${rest} more have lower scores.</p>`}`;
}
