/** Shared functions for pictures: numbers in SVG, a frame with a name for screen readers, tokens as text. */
import { type Html, html, markupOf } from "../html/escape.ts";

/** A length in pixels, rounded to digits that can be seen. */
export function px(value: number): number {
  return Math.round(value * 100) / 100;
}

export interface Frame {
  /** Unique in its page: labels refer to it. Letters, digits and hyphens. */
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** The title of the picture. */
  readonly title: string;
  /** A description of the picture in a sentence, for screen readers. */
  readonly description: string;
  readonly body: Html;
}

/** An SVG element as text; it is shown at its own size, and shrinks if there is less space. */
export function svgFrame({ id, width, height, title, description, body }: Frame): string {
  if (!/^[A-Za-z][\w-]*$/.test(id)) throw new RangeError(`${JSON.stringify(id)} can't be an id`);
  return markupOf(html`<svg id="${id}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(
    width,
  )}" height="${px(height)}" role="img" aria-labelledby="${id}-title ${id}-desc" font-size="12" fill="currentColor"><title id="${id}-title">${title}</title><desc id="${id}-desc">${description}</desc>
${body}
</svg>`);
}

/** A token with its spaces visible: " Mary" → "·Mary". */
export function visibleToken(token: string): string {
  return token.replaceAll(" ", "·");
}

/** Cut to `most` characters, the end replaced by an ellipsis. */
export function shortened(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}

/** A number that always has its sign, with a true minus sign: +0.123. */
export function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
