/**
 * The attention of one head on one prompt as a map: rows are queries, columns are keys, and a cell is darker the
 * more of the row's attention the key gets. A token can't attend to later tokens, so the upper triangle is blank.
 * The tooltip of a cell gives the exact share.
 */
import { html } from "../html/escape.ts";
import { ink } from "./map-style.ts";
import { px, shortened, svgFrame, visibleToken } from "./svg.ts";

export interface AttentionMap {
  readonly id: string;
  /** "head 5.4". */
  readonly name: string;
  /** Printable text of each token. */
  readonly tokens: readonly string[];
  /** [tokens × tokens], row-major; rows are queries. */
  readonly weights: ArrayLike<number>;
}

/** Of longer prompts the last tokens are shown: a larger map could not be read. */
export const mostTokens = 40;
const pitch = 13;
const longestLabel = 11;

/** @throws RangeError when there are not tokens² weights. */
export function attentionMapSvg({ id, name, tokens, weights }: AttentionMap): string {
  const length = tokens.length;
  if (weights.length !== length * length) {
    throw new RangeError(`${weights.length} weights for ${length} tokens`);
  }
  const first = Math.max(0, length - mostTokens);
  const labels = tokens.slice(first).map((token) => shortened(visibleToken(token), longestLabel));
  const room = 8 + 6.3 * Math.max(1, ...labels.map((label) => Array.from(label).length));
  const side = labels.length * pitch;
  const cells = labels.map((_, row) => {
    const query = first + row;
    return labels.slice(0, row + 1).map((_, column) => {
      const weight = weights[query * length + first + column] ?? 0;
      return html`<rect class="cell" x="${column * pitch}" y="${row * pitch}" width="${pitch - 1}" height="${pitch - 1}" fill-opacity="${opacity(
        weight,
      )}"><title>${visibleToken(tokens[query] ?? "")} → ${visibleToken(tokens[first + column] ?? "")}: ${weight.toFixed(3)}</title></rect>`;
    });
  });
  const queries = labels.map((label, row) => html`<text x="-5" y="${row * pitch + 10}">${label}</text>`);
  const columns = labels.map(
    (label, column) =>
      html`<text transform="translate(${px(column * pitch + 10)} -5) rotate(-90)">${label}</text>`,
  );
  return svgFrame({
    id,
    width: room + side + 2,
    height: room + side + 2,
    title: `Attention of ${name}`,
    description: `${first > 0 ? `The last ${labels.length} of ${length}` : labels.length} tokens; rows look at columns. ${strongest(tokens, weights)}`,
    body: html`<g transform="translate(${px(room)} ${px(room)})" font-size="10.5"><path d="M0 0V${side}H${side}${stairs(labels.length)}Z" fill="none" stroke="${ink.line}"/><g fill="${ink.attention}">${cells}</g><g fill="${ink.soft}" text-anchor="end">${queries}</g><g fill="${ink.soft}">${columns}</g></g>`,
  });
}

/** The key to the maps' colours, shown once for many maps. @param id as a map's. */
export function attentionKeySvg(id: string): string {
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const width = 34;
  const cells = shares.map(
    (share, at) =>
      html`<rect x="${at * width}" y="0" width="${width - 1}" height="${pitch - 1}" fill="${ink.attention}" fill-opacity="${opacity(share)}"/><text x="${at * width + (width - 1) / 2}" y="26" text-anchor="middle" fill="${ink.soft}">${share}</text>`,
  );
  const frame = { width: shares.length * width + 230, height: 30 };
  return svgFrame({
    ...{ id, ...frame },
    title: "Colours of the attention maps",
    description: "From almost clear for 0 to full colour for 1.",
    body: html`<g font-size="10.5">${cells}<text x="${shares.length * width + 10}" y="10" fill="${ink.soft}">share of the row's attention</text></g>`,
  });
}

/** The lowest opacity is one that can still be seen on the page. */
function opacity(weight: number): string {
  return Math.max(0.04, Math.min(1, weight)).toFixed(2);
}

/** The triangle's upper edge, from its right end back to the start. */
function stairs(count: number): string {
  let path = "";
  for (let row = count - 1; row > 0; row--) path += `V${row * pitch}H${row * pitch}`;
  return `${path}V0`;
}

function strongest(tokens: readonly string[], weights: ArrayLike<number>): string {
  const query = tokens.length - 1;
  if (query < 0) return "";
  let best = 0;
  for (let key = 1; key <= query; key++) {
    if ((weights[query * tokens.length + key] ?? 0) > (weights[query * tokens.length + best] ?? 0))
      best = key;
  }
  const share = (weights[query * tokens.length + best] ?? 0).toFixed(2);
  return `The last token looks most at ${visibleToken(tokens[best] ?? "")} (token ${best + 1}), with ${share}.`;
}
