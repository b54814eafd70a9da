/** The evidence for a circuit, for a terminal. */
import type {
  CircuitEvidence,
  EvidenceBudget,
  FaithfulnessCurve,
  MeasuredEvidence,
  Minimality,
  RandomComparison,
  WordingEvidence,
} from "../jobs/evidence/evidence-result.ts";
import { componentOf, componentTitle } from "../transformer/component.ts";
import { formatKl, formatShare, plural } from "./format.ts";
import { layOut, type Row } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export function evidenceReport(evidence: CircuitEvidence, style: TerminalStyle): string {
  const { circuit, original, random, minimality, curve, split, prompts } = evidence;
  const rows: readonly Row[] = [
    ...constantsRow(evidence),
    [
      "circuit",
      `${measuredText(circuit)}, on ${plural(prompts, "prompt")} of the ${split} split`,
      `${plural(circuit.answers, "different answer")} (the original gives ${original.answers}, and is right on ${formatShare(original.accuracy)})`,
    ],
    ["random", ...randomRows(random)],
    ["minimal", ...minimalityRows(minimality)],
    ["other words", ...wordingRows(evidence.wordings)],
    ["faithful", ...("missing" in curve ? [curve.missing] : curveRows(curve))],
  ];
  return layOut(rows, style).join("\n");
}

/** No row for a folder that holds the very circuit that was measured. */
function constantsRow(evidence: CircuitEvidence): readonly Row[] {
  const text = fittedText(evidence);
  return text === undefined ? [] : [["constants", text]];
}

/** What evidence is not about, where the folder's constants were fitted; a clause. */
export function fittedText({ constants, circuit }: CircuitEvidence): string | undefined {
  if (constants === undefined) return undefined;
  const { kl } = constants;
  const instead = kl === undefined ? "" : `, at a KL of ${formatKl(circuit.kl)} instead of ${formatKl(kl)}`;
  return `the folder's constants were fitted, and are no evidence: all figures here are of the same components under plain means${instead}`;
}

const measuredText = ({ size, kl, accuracy }: MeasuredEvidence): string =>
  `${formatShare(size)} of the body, KL ${formatKl(kl)}, ${formatShare(accuracy)} right`;

function randomRows({ count, seed, drawn, kl, accuracy }: RandomComparison): readonly string[] {
  const { best, median } = bestAndMedian(drawn);
  return [
    `beats ${kl.beaten} of ${count} random circuits of its size by KL (p = ${formatP(kl.p)}), ${accuracy.beaten} by accuracy (p = ${formatP(accuracy.p)})`,
    `their KL: ${formatKl(best)} at best, ${formatKl(median)} in the median; drawn with seed ${seed}`,
    "p is the chance of so many or more if 90 % are beaten (one-sided binomial test)",
  ];
}

/** KL of the best random circuit, and of the one in the middle. */
export function bestAndMedian(drawn: readonly MeasuredEvidence[]): {
  readonly best: number;
  readonly median: number;
} {
  const sorted = drawn.map(({ kl }) => kl).sort((one, other) => one - other);
  return { best: sorted[0] ?? Number.NaN, median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN };
}

export const formatP = (p: number): string => (p < 0.001 ? p.toExponential(1) : p.toFixed(3));

function minimalityRows({ budget, kl, tried, untried }: Minimality): readonly string[] {
  return [
    removableText(budget, tried),
    `${budgetText(budget)}; KL ${formatKl(kl)} on the validation prompts`,
    ...(untried > 0 ? [`${untried} more were not tried; those tried were drawn at random`] : []),
  ];
}

/** Which parts can go alone. */
export function removableText(budget: EvidenceBudget, tried: Minimality["tried"]): string {
  const removable = tried.filter((each) => each.removable);
  if (budget.kind === "none")
    return "no rule of its search bounds what a single part may cost, so nothing is said";
  if (removable.length === 0) return `none of its ${tried.length} parts can go alone`;
  const names = removable.slice(0, 5).map((each) => componentTitle(componentOf(each)));
  return `${removable.length} of its ${tried.length} parts can go alone: ${names.join(", ")}${removable.length > 5 ? ", …" : ""}`;
}

const wordingRows = (wordings: CircuitEvidence["wordings"]): readonly string[] =>
  "missing" in wordings ? [wordings.missing] : wordings.map(wordingText);

/** "names in the order ABBA: KL 0.1200, 98.0 % right on 100 prompts (original 100.0 %)". */
export const wordingText = ({ name, kl, accuracy, prompts, original }: WordingEvidence): string =>
  `${name}: KL ${formatKl(kl)}, ${formatShare(accuracy)} right on ${plural(prompts, "prompt")} (original ${formatShare(original.accuracy)})`;

const atMost = (maxKl: number | undefined): string =>
  maxKl === undefined ? "" : ` and KL stays at most ${maxKl}`;

export function budgetText(budget: EvidenceBudget): string {
  switch (budget.kind) {
    case "growth":
      return `a part can go if KL grows by less than ${budget.value}${atMost(budget.maxKl)}`;
    case "kl":
      return `a part can go if KL stays at most ${budget.value}`;
    case "accuracy":
      return `a part can go if accuracy stays at least ${budget.value}${atMost(budget.maxKl)}`;
    case "none":
      return "its search was asked for a size, or compared whole circuits";
  }
}

function curveRows({
  metric,
  scored,
  cpr,
  cmd,
  logCpr,
  logCmd,
  points,
}: FaithfulnessCurve): readonly string[] {
  const name =
    metric === "logit-difference" ? "the logit difference of answers and distractors" : "KL, negated";
  const shown = points.filter(({ count }) => count > 0);
  return [
    `CPR ${cpr.toFixed(3)}, CMD ${cmd.toFixed(3)} (MIB); over the logarithm of the size ${logCpr.toFixed(3)} and ${logCmd.toFixed(3)}`,
    `by ${name}, along the search's ranking of ${scored} components`,
    shown.map(({ count, faithfulness }) => `${count}: ${faithfulness.toFixed(2)}`).join("  "),
  ];
}
