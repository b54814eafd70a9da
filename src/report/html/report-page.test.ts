import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { reportParts } from "./report-page.ts";

test("parts have names and titles of their own, and links can lead to them", () => {
  const [ids, titles] = [reportParts.map(({ id }) => id), reportParts.map(({ title }) => title)];
  expect([new Set(ids).size, new Set(titles).size]).toEqual([ids.length, titles.length]);
  for (const id of ids) expect(id).toMatch(/^[a-z][a-z-]*$/);
});

test("the map comes first and then the search: they stand side by side", () => {
  expect(reportParts.slice(0, 2).map(({ id }) => id)).toEqual(["map", "trace"]);
});

test.each(reportParts.map(({ title }) => title))(
  "docs/report.md says what is meant by: %s",
  async (title) => {
    expect((await readFile("docs/report.md", "utf8")).toLowerCase()).toContain(title.toLowerCase());
  },
);
