/**
 * The page for a person whose browser asks for a page without permission: an explanation, and what to do.
 * Programs get the same as JSON. The page contains its style, because every other file is protected too; its
 * policy allows that style by its digest and nothing else.
 */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { html, markupOf, trusted } from "../report/html/escape.ts";
import { preferredColours } from "../report/html/page-colours.ts";

export interface RefusalText {
  readonly title: string;
  /** One sentence each. */
  readonly paragraphs: readonly string[];
}

const style = `${preferredColours}
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 36rem; margin: 0 auto; padding: 12vh 1.25rem 3rem; }
h1 { margin: 0 0 .8rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 .8rem; }
`;
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Whether a person's browser asks and will show the answer as a page. */
export function wantsPage(context: Context): boolean {
  return context.req.method === "GET" && /\btext\/html\b/.test(context.req.header("accept") ?? "");
}

export function refusalPage(
  context: Context,
  status: 401 | 403 | 421,
  { title, paragraphs }: RefusalText,
): Response {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${paragraphs.map((text) => html`<p>${text}</p>`)}
</main>
</body>
</html>
`;
  return context.html(markupOf(page), status, { "Content-Security-Policy": policy });
}
