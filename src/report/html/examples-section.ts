/**
 * Prompts that the circuit answers right and wrong, with the most likely tokens of the circuit and of the
 * original.
 */
import type { ShownExample, ShownExamples } from "../../jobs/report/report.ts";
import type { ModelAnswer } from "../../jobs/report/report-examples.ts";
import { formatShare, plural } from "../format.ts";
import { visibleToken } from "../maps/svg.ts";
import { type Html, html } from "./escape.ts";
import { pageColour } from "./page-colours.ts";

export function examplesSection(shown: ShownExamples): Html {
  const { task, own, split, examples, leftOut, rightCount, originalRightCount } = shown;
  const original =
    originalRightCount === undefined
      ? " The original is not at hand, so its predictions are left out."
      : ` The original is right on ${originalRightCount}.`;
  const left = leftOut === 0 ? "" : ` ${plural(leftOut, "prompt")} of another length can't be read by it.`;
  const name = own
    ? `the circuit's own task, “${task}”`
    : `the task “${task}”, which is not the one that it was cut for`;
  return html`<p>Of ${plural(examples, `${split} prompt`)} of ${name}, it is right on ${rightCount} (${formatShare(
    rightCount / examples,
  )}).${original}${left} Below are the first of each kind in the file's order, with the five most likely next tokens; · stands for a space, and accepted answers are underlined.</p>
${group("Right", shown.right, rightCount)}
${group("Wrong", shown.wrong, examples - rightCount)}`;
}

function group(title: string, examples: readonly ShownExample[], total: number): Html {
  if (total === 0) return html`<p><strong>${title}: none</strong></p>`;
  return html`<details open><summary>${title} (${examples.length} of ${total} shown)</summary><div class="inside">${examples.map(drawExample)}</div></details>`;
}

function drawExample({ line, prompt, tokens, accepted, circuit, original }: ShownExample): Html {
  const answers =
    accepted.length > 6 ? [...accepted.slice(0, 6), `… (${accepted.length} accepted)`] : accepted;
  return html`<article class="example"><header><span class="verdict ${circuit.right ? "good" : "bad"}">${
    circuit.right ? "✓ right" : "✗ wrong"
  }</span><span class="hint">line ${line}, ${plural(tokens.length, "token")}</span></header>
<p class="prompt">${prompt}</p>
<p class="hint">expected ${answers.map((answer) => html`<code class="token">${visibleToken(answer)}</code> `)}</p>
<div class="pair">${chances("circuit", circuit, accepted, pageColour("accent"))}${original && chances("original", original, accepted, pageColour("line-strong"))}</div></article>`;
}

function chances(
  title: string,
  { likeliest, right }: ModelAnswer,
  accepted: readonly string[],
  colour: string,
): Html {
  const items = likeliest.map(
    ({ text, probability }) =>
      html`<li><span class="what${accepted.some((answer) => answer.startsWith(text)) ? " accepted" : ""}" style="--p:${(
        100 * probability
      ).toFixed(
        1,
      )}%;--bar:${colour}"><code>${visibleToken(text)}</code></span><span class="p">${formatShare(probability)}</span></li>`,
  );
  return html`<div><p class="who">${title}${right ? "" : ", wrong"}</p><ol class="chances">${items}</ol></div>`;
}
