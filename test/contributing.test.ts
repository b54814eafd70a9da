/** What CONTRIBUTING.md and ARCHITECTURE.md send a newcomer to is there. */
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";

/** Files and folders between backticks; those with a NAME in capitals are the reader's to make. */
const pathsIn = (text: string): readonly string[] =>
  Array.from(text.matchAll(/`([^`\s]+)`/g), ([, path = ""]) => path).filter(
    (path) =>
      /^(\.?[\w-]+\/|\.?[\w-]+(\.[\w-]+)*\.(ts|mjs|json|md)$)/.test(path) &&
      !/[A-Z]{4}[/.-]/.test(path) &&
      !path.endsWith("dist/"),
  );

/** Every file and folder of src/ by its own name. */
const named = new Set(
  readdirSync("src", { encoding: "utf8", recursive: true }).map((path) => basename(path)),
);

describe.each(["CONTRIBUTING.md", "ARCHITECTURE.md"])("%s", async (file) => {
  const text = await readFile(file, "utf8");

  test("every path that it names is there", () => {
    const paths = pathsIn(text);
    expect(paths.length).toBeGreaterThan(10);
    // A file or a folder without a path is of the row of the table that it stands in.
    const isThere = (path: string) =>
      existsSync(path) ||
      existsSync(`src/${path}`) ||
      (!/\/./.test(path) && named.has(path.replace("/", "")));
    const missing = paths.filter((path) => !isThere(path));
    expect(missing).toEqual([]);
  });

  test("every script that it names is there", async () => {
    const { scripts } = JSON.parse(await readFile("package.json", "utf8"));
    for (const [, name = ""] of text.matchAll(/npm run ([\w-]+)/g)) expect(scripts).toHaveProperty(name);
  });
});

test("every list of what to add names the tests that hold it", async () => {
  const [, ...lists] = (await readFile("CONTRIBUTING.md", "utf8")).split(/^## To add /m);
  expect(lists).toHaveLength(7);
  for (const list of lists) expect(list).toMatch(/`(src|test)\/[\w/-]+\.test\.ts`/);
});

test("every module that a comment names is there", async () => {
  const folders = ["src", "web", "bench", "test", "examples"];
  const paths = folders.flatMap((folder) =>
    readdirSync(folder, { encoding: "utf8", recursive: true }).map((path) => `${folder}/${path}`),
  );
  const isThere = (name: string) => paths.some((path) => path.endsWith(`/${name}`) || path === name);
  const missing: string[] = [];
  let count = 0;
  for (const path of paths.filter((each) => /\.tsx?$/.test(each) && !each.includes("node_modules"))) {
    const text = await readFile(path, "utf8");
    for (const [comment] of text.matchAll(/\/\*\*.*?\*\/|\/\/[^\n]*/gs)) {
      for (const [name] of comment.matchAll(/(?<![\w.*/-])([\w-]+\/)*[\w-]+\.tsx?(?![\w-])/g)) {
        if (/[A-Z]{4}\.ts/.test(name)) continue;
        count++;
        if (!isThere(name)) missing.push(`${path}: ${name}`);
      }
    }
  }
  expect(count).toBeGreaterThan(20);
  expect(missing).toEqual([]);
});
