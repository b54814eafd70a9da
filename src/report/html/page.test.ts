import fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { escapeHtml, html, markupOf, trusted } from "./escape.ts";
import { htmlPage, table } from "./page.ts";

const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;\``;

describe("html", () => {
  test("text is escaped between tags and in attributes, markup is not escaped twice", () => {
    const inner = html`<b title="${hostile}">${hostile}</b>`;
    const outer = html`<p>${[inner, "<", 3, undefined, false]}${trusted("<i></i>")}</p>`;
    const escaped =
      "&#34;&#62;&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;&#38;amp;&#96;";
    expect(markupOf(outer)).toBe(`<p><b title="${escaped}">${escaped}</b>&#60;3<i></i></p>`);
  });

  test("an object that only looks like markup is refused", () => {
    const forged = JSON.parse('{"markup":"<script>"}');
    expect(() => html`${forged}`).toThrow(TypeError);
  });

  test("whatever the text, a parser gives it back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"'`]/);
        const { document } = parseHTML(`<html><body><p title="${escaped}">${escaped}</p></body></html>`);
        const p = document.querySelector("p");
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what escaping replaces
        const expected = text.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD");
        expect(p?.textContent).toBe(expected);
        expect(p?.getAttribute("title")).toBe(expected);
      }),
    );
  });
});

test("a page is one document that asks for nothing", () => {
  const body = html`<main>${table({
    caption: hostile,
    columns: [{ name: "name" }, { name: "n", number: true }],
    rows: [[hostile, 3]],
  })}</main>`;
  const page = htmlPage({ title: hostile, body });
  const { document } = parseHTML(page);
  expect(document.querySelectorAll("script, img")).toHaveLength(0);
  expect(document.querySelector("title")?.textContent).toBe(hostile);
  expect(document.querySelector("tbody th")?.textContent).toBe(hostile);
  expect(document.querySelector("tbody td")?.getAttribute("class")).toBe("number");
  expect(document.querySelector("meta[http-equiv]")?.getAttribute("content")).toContain("default-src 'none'");
  expect(page).not.toMatch(/https?:|url\(|@import/);
});
