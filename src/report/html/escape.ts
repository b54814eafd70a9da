/**
 * HTML templates that escape their values. Prompts, file names and tokens come from anybody: an `html` template
 * escapes every value except markup that another template made.
 */

const markup: unique symbol = Symbol("markup");

/** A piece of HTML or SVG. Only `html` and `trusted` make one, so plain text is never treated as markup. */
export interface Html {
  readonly [markup]: string;
}

/**
 * The values of a template: text and numbers are escaped; each element of a list is inserted; undefined and false
 * give nothing.
 */
export type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

/** html`<p title="${text}">${text}</p>`: attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { [markup]: parts.map((part, index) => part + toMarkup(values[index])).join("") };
}

/** Marks a string as markup: only for pictures and styles that this program made, never for text from outside. */
export function trusted(text: string): Html {
  return { [markup]: text };
}

export function markupOf(piece: Html): string {
  return piece[markup];
}

/** For text between tags and in quoted attributes. Characters that XML forbids become U+FFFD. @internal */
export function escapeHtml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
      .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
  );
}

function toMarkup(value: HtmlValue): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  if (markup in value) return value[markup];
  return value.map(toMarkup).join("");
}
