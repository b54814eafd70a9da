/** The section on what speaks for the circuit, from the file of `pith evidence`. */
import type { CircuitEvidence, Minimality } from "../../jobs/evidence/evidence-result.ts";
import { componentOf, componentTitle } from "../../transformer/component.ts";
import { formatKl, formatScore, formatShare, plural } from "../format.ts";
import { evidenceSizeSvg, faithfulnessSvg } from "../maps/evidence-charts.ts";
import {
  bestAndMedian,
  budgetText,
  fittedText,
  formatP,
  removableText,
  wordingText,
} from "../terminal-evidence.ts";
import { type Html, html } from "./escape.ts";
import { figure, table } from "./page.ts";

/** Parts that are listed: those that cost least, of which a reader asks first whether they are needed. */
const mostParts = 12;

export function evidenceSection(evidence: CircuitEvidence, id: string): Html {
  const { circuit, original, random, minimality, curve, wordings, split, prompts } = evidence;
  const { best, median } = bestAndMedian(random.drawn);
  const fitted = fittedText(evidence);
  const facts: readonly (readonly [string, string])[] = [
    ...(fitted === undefined ? [] : [["constants", sentence(fitted)] as const]),
    [
      "different answers",
      `${circuit.answers}; the original gives ${original.answers}. Few answers to a task that has many are a sign that a circuit answers without reading.`,
    ],
    [
      "random circuits",
      `It beats ${random.kl.beaten} of ${random.count} of its size by KL (p = ${formatP(random.kl.p)}) and ${random.accuracy.beaten} by accuracy (p = ${formatP(random.accuracy.p)}); their KL is ${formatKl(best)} nats at best and ${formatKl(median)} in the median. p is the chance of so many or more if 90 % are beaten (one-sided binomial test; seed ${random.seed}).`,
    ],
    [
      "minimality",
      `${sentence(removableText(minimality.budget, minimality.tried))} On the validation prompts, where its KL is ${formatKl(minimality.kl)} nats, ${budgetText(minimality.budget)}.${minimality.untried > 0 ? ` ${minimality.untried} more were not tried; those tried were drawn at random.` : ""}`,
    ],
    ["other words", "missing" in wordings ? wordings.missing : `${wordings.map(wordingText).join("; ")}.`],
    ["faithfulness", "missing" in curve ? curve.missing : areasText(curve)],
  ];
  return html`<p>Measured by pith evidence on the patched model: ${formatShare(circuit.size)} of the body, KL ${formatKl(circuit.kl)} nats and ${formatShare(circuit.accuracy)} right on ${plural(prompts, "prompt")} of the ${split} split (original ${formatShare(original.accuracy)}).</p>
<dl class="facts">${facts.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
<div class="columns">${figure(evidenceSizeSvg(evidence, `${id}-size`), "KL by size: at its size this circuit should be lower than random ones. A KL below the axis stands at its foot. Point at a mark for its values.", "KL by size")}${
    !("missing" in curve) &&
    figure(
      faithfulnessSvg(curve, `${id}-faithful`),
      "Faithfulness of the circuits along the search's ranking: 1 is the original's, 0 that of the model with everything replaced.",
      "Faithfulness along the ranking",
    )
  }</div>
${partsTable(minimality)}`;
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function areasText({
  metric,
  scored,
  ...areas
}: Exclude<CircuitEvidence["curve"], { missing: string }>): string {
  const name =
    metric === "logit-difference" ? "the logit difference of answers and distractors" : "KL, negated";
  return `CPR ${areas.cpr.toFixed(3)}, CMD ${areas.cmd.toFixed(3)} as MIB computes them; over the logarithm of the size ${areas.logCpr.toFixed(3)} and ${areas.logCmd.toFixed(3)}. By ${name}, along the search's ranking of ${plural(scored, "component")}.`;
}

function partsTable({ tried, kl }: Minimality): Html {
  const cheapest = tried.toSorted((one, other) => one.kl - other.kl).slice(0, mostParts);
  if (cheapest.length === 0) return html``;
  const rest = tried.length - cheapest.length;
  return html`<details><summary>What each part costs alone</summary><div class="inside">${table({
    caption: "The circuit without one part, on the validation prompts; the cheapest first",
    columns: [
      { name: "without" },
      { name: "KL, nats", number: true },
      { name: "growth", number: true },
      { name: "accuracy", number: true },
      { name: "can go" },
    ],
    rows: cheapest.map((part) => [
      componentTitle(componentOf(part)),
      formatKl(part.kl),
      formatScore(part.kl - kl),
      formatShare(part.accuracy),
      part.removable ? "yes" : "no",
    ]),
  })}
${rest > 0 && html`<p class="hint">${rest} more cost more.</p>`}</div></details>`;
}
