import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { rankingNamed, rankings } from "./index.ts";
import { componentRankings } from "./ranking.ts";

test("names are unique, and those that score heads and MLPs are listed for pages", () => {
  const names = rankings.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const ofComponents = rankings.filter(({ scores }) => scores.includes("heads") && scores.includes("mlps"));
  expect(ofComponents.map(({ name }) => name)).toEqual(componentRankings);
  expect(rankings.filter(({ scores }) => scores.includes("mlps"))).toEqual(ofComponents);
});

test("each says in a sentence what it estimates and when it fails, and the documents have it", async () => {
  const document = await readFile("docs/rankings.md", "utf8");
  for (const { name, estimates, fails } of rankings) {
    for (const sentence of [estimates, fails]) expect(sentence).toMatch(/^[A-Z].*[a-z)]\.$/s);
    expect(document).toContain(`| \`${name}\` |`);
  }
});

test("a name that no ranking has is refused with those that there are", () => {
  expect(() => rankingNamed("best")).toThrow(/no ranking named "best"/);
  expect(rankingNamed("relp").name).toBe("relp");
});
