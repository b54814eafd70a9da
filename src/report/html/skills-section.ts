/** The section on what the circuit can do beside its task, and on how it compares with a known circuit. */

import type { SkillResult } from "../../jobs/report/report.ts";
import type { KnownCircuit } from "../../known/known-circuits.ts";
import type { Recovery } from "../../known/recovery.ts";
import { headNumber } from "../../transformer/component.ts";
import { formatKl, formatShare, plural } from "../format.ts";
import { type Html, html } from "./escape.ts";
import { table } from "./page.ts";

export function skillsSection(skills: readonly SkillResult[], original: boolean): Html {
  return html`<p>The model can do more than this task. A circuit that is only this task's forgets the rest; what is left shows what it shares with it.${
    original ? "" : " The original is not at hand, so its accuracy and the KL are left out."
  }</p>
${table({
  caption: "Accuracy on other skills",
  columns: [
    { name: "skill" },
    { name: "prompts", number: true },
    { name: "original", number: true },
    { name: "circuit", number: true },
    { name: "KL, nats", number: true },
    { name: "" },
  ],
  rows: skills.map(({ skill, compared, total, accuracy, originalAccuracy, kl, reason }) => [
    skill,
    compared === total ? total : `${compared} of ${total}`,
    originalAccuracy === undefined ? "" : formatShare(originalAccuracy),
    accuracy === undefined ? "" : formatShare(accuracy),
    kl === undefined ? "" : formatKl(kl),
    html`<span class="hint">${
      reason !== undefined
        ? `not comparable: ${reason}`
        : compared < total && `the others have another length`
    }</span>`,
  ]),
})}`;
}

export function knownSection({
  circuit,
  rates,
}: {
  readonly circuit: KnownCircuit;
  readonly rates: Recovery;
}): Html {
  const missed = rates.missed.map(([layer, head]) => headNumber(layer, head)).join(", ");
  return html`<p>Compared with the known circuit “${circuit.id}”, heads alone (MLPs don't count).${circuit.note !== "" && html` ${circuit.note}`}</p>
${table({
  caption: `Heads of ${circuit.id} that were found`,
  columns: [{ name: "rate" }, { name: "value", number: true }, { name: "that is" }],
  rows: [
    [
      "true positives",
      formatShare(rates.tpr),
      `${rates.truePositives} of ${plural(rates.positives, "known head")} kept`,
    ],
    [
      "false positives",
      formatShare(rates.fpr),
      `${rates.falsePositives} of ${plural(rates.negatives, "other head")} kept`,
    ],
    ["missed", rates.missed.length, missed === "" ? "none" : missed],
  ],
})}
${circuit.sources.length > 0 && html`<p class="hint">Source: ${circuit.sources.join("; ")}.</p>`}`;
}
