/**
 * A page in one file: it contains everything, loads nothing and needs no script. Its content security policy
 * enforces this in the browser too, so that injected content could neither run nor send data.
 */
import { type Html, type HtmlValue, html, markupOf, trusted } from "./escape.ts";
import { styleSheet } from "./style.ts";

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Rules in addition to the shared style sheet; only from this program, never a user's text. */
  readonly style?: string;
}

const policy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** The whole document. `body` is made with `html` templates, usually a masthead, `<main>` and a footer. */
export function htmlPage({ title, body, style = "" }: Page): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Pith">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(styleSheet + style)}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return markupOf(page);
}

export interface Column {
  readonly name: HtmlValue;
  /** Whether the cells are right-aligned. */
  readonly number?: boolean;
}

export interface Table {
  /** What the table shows; also its name for screen readers. */
  readonly caption: string;
  readonly columns: readonly Column[];
  /** As many cells as columns; the first cell is the row's name. */
  readonly rows: readonly (readonly HtmlValue[])[];
}

/**
 * A table that scrolls by itself if it is wider than the page, by keyboard too. On a telephone each row is a card
 * that shows each value with its column's name.
 */
export function table({ caption, columns, rows }: Table): Html {
  const align = (index: number) => (columns[index]?.number ? trusted(' class="number"') : "");
  const label = (index: number) => {
    const name = columns[index]?.name;
    return typeof name === "string" && html` data-label="${name}"`;
  };
  const head = columns.map(({ name }, index) => html`<th scope="col"${align(index)}>${name}</th>`);
  const body = rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) =>
        index === 0
          ? html`<th scope="row"${align(index)}>${cell}</th>`
          : html`<td${align(index)}${label(index)}>${cell}</td>`,
      )}</tr>
`,
  );
  return scrolling(
    caption,
    html`<table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>
${body}</tbody></table>`,
  );
}

/** Wide content in a region that scrolls sideways, also by keyboard. */
export function scrolling(name: string, content: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${name}" tabindex="0">${content}</div>`;
}

/** A picture with its caption. @param svg markup that this program drew. */
export function figure(svg: string, caption: HtmlValue, name: string): Html {
  return html`<figure>${scrolling(name, trusted(svg))}<figcaption>${caption}</figcaption></figure>`;
}
