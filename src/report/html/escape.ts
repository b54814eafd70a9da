/**
 * Markup that cannot be broken by what is put into it. Prompts, names of files and tokens are anybody's text:
 * whatever an `html` template is given is escaped, unless it is markup that came out of one itself.
 */

const markup: unique symbol = Symbol("markup");

/** A piece of HTML or SVG. It comes from `html` or `trusted` alone, so no text can pass for one. */
export interface Html {
  readonly [markup]: string;
}

/** What a template takes: text and numbers are escaped; of a list, each; undefined and false are nothing. */
export type HtmlValue = string | number | Html | undefined | false | readonly HtmlValue[];

/** html`<p title="${text}">${text}</p>`: attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { [markup]: parts.map((part, index) => part + toMarkup(values[index])).join("") };
}

/** Marks a string as markup: only for pictures and styles that this program made, never for text. */
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
