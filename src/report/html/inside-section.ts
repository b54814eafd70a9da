/**
 * The section on the inside of the circuit: attention patterns of its heads, and the contributions of its parts
 * to the answer.
 */
import type { Attribution } from "../../inspect/attribution.ts";
import type { StreamWriter } from "../../inspect/observe.ts";
import type { ShownPatterns } from "../../jobs/report/report.ts";
import { componentTitle, headNumber } from "../../transformer/component.ts";
import { plural } from "../format.ts";
import { attentionKeySvg, attentionMapSvg, mostTokens } from "../maps/attention-map.ts";
import { attributionBarsSvg } from "../maps/attribution-bars.ts";
import { visibleToken } from "../maps/svg.ts";
import { type Html, html, trusted } from "./escape.ts";
import { figure, scrolling } from "./page.ts";

/**
 * The maximal number of maps for one prompt; if a circuit has more heads, those that contribute most to the
 * answer are shown.
 */
const mostHeads = 48;

/**
 * @param attribution decides which heads are shown if there are too many. @param id a prefix for the pictures'
 * ids.
 */
export function patternsSection(
  { prompts }: ShownPatterns,
  attribution: Attribution | undefined,
  id: string,
): Html {
  const [first] = prompts;
  if (first === undefined || first.heads.length === 0)
    return html`<p class="missing">No head is kept, so there is no attention to show.</p>`;
  const shown = chooseHeads(first.heads, attribution);
  const note =
    shown.size < first.heads.length
      ? ` Of ${first.heads.length} kept heads, the ${shown.size} that add most to the answer are shown.`
      : "";
  const long = prompts.some(({ tokens }) => tokens.length > mostTokens)
    ? ` Of longer prompts, the last ${mostTokens} tokens are shown; a row then adds up to less than 1 where its head looks at earlier ones.`
    : "";
  return html`<p>How each kept head spreads its attention: rows are the tokens that ask, columns those that are looked at, and each row adds up to 1. No token sees what comes after it. Point at a cell for its value.${note}${long}</p>
${trusted(attentionKeySvg(`${id}-attention-key`))}
${prompts.map(({ line, tokens, heads }, at) => {
  const maps = heads
    .filter(({ layer, head }) => shown.has(headNumber(layer, head)))
    .map(({ layer, head, weights }) => {
      const name = componentTitle({ kind: "head", layer, head });
      const svg = attentionMapSvg({ id: `${id}-attention-${at}-${layer}-${head}`, name, tokens, weights });
      return html`<figure><figcaption>${name}</figcaption>${scrolling(`${name} on the prompt of line ${line}`, trusted(svg))}</figure>`;
    });
  return html`<details${at === 0 ? html` open` : ""}><summary>Line ${line}: <span class="prompt">${tokens.map(visibleToken).join(" ")}</span></summary><div class="inside heads">${maps}</div></details>
`;
})}`;
}

function chooseHeads(
  heads: readonly { readonly layer: number; readonly head: number }[],
  attribution: Attribution | undefined,
): ReadonlySet<string> {
  const weight = new Map<string, number>(
    attribution?.parts.flatMap(({ part, centred }) =>
      part.kind === "head" ? [[headNumber(part.layer, part.head), Math.abs(centred.mean)] as const] : [],
    ),
  );
  const names: readonly string[] = heads.map(({ layer, head }) => headNumber(layer, head));
  if (names.length <= mostHeads) return new Set(names);
  return new Set(names.toSorted((a, b) => (weight.get(b) ?? 0) - (weight.get(a) ?? 0)).slice(0, mostHeads));
}

export function attributionSection({ prompts, parts, totals }: Attribution, id: string): Html {
  const total = totals.reduce((sum, value) => sum + value, 0) / totals.length;
  const centred = parts.map(({ part, centred: { mean, deviation } }) => ({
    name: partName(part),
    mean,
    deviation,
  }));
  const difference = parts.flatMap(({ part, difference: spread }) =>
    spread === undefined ? [] : [{ name: partName(part), mean: spread.mean, deviation: spread.deviation }],
  );
  return html`<p>At the answer position the residual stream is a sum of what the kept parts wrote. With the final LayerNorm's scale frozen at what it is for each prompt, so is the answer's logit. Means over ${plural(
    prompts,
    "prompt",
  )}; lines show one standard deviation to each side.</p>
<div class="columns">${figure(
    attributionBarsSvg({
      id: `${id}-centred`,
      bars: centred,
      axis: "logit of the answer − mean logit of the vocabulary",
    }),
    html`To the answer's logit, relative to the mean over the vocabulary. All parts together: ${total.toFixed(2)}, which is the circuit's own centred logit.`,
    "Attribution to the answer's logit",
  )}${
    difference.length > 0 &&
    figure(
      attributionBarsSvg({
        id: `${id}-difference`,
        bars: difference,
        axis: "logit of the answer − logit of its strongest rival",
      }),
      "To the answer's logit, relative to the strongest wrong answer: for each prompt the token that the circuit finds likeliest among those not accepted. What raises both cancels out here.",
      "Attribution to the difference to the strongest wrong answer",
    )
  }</div>`;
}

export function partName(part: StreamWriter): string {
  switch (part.kind) {
    case "embedding":
      return "token embedding";
    case "constants":
      return "positions, constants";
    default:
      return componentTitle(part);
  }
}
