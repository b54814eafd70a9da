/**
 * A name has one meaning: no two files export the same one, so that a word in a message, a search over the code or an
 * import says which thing is meant. Names that mean the same are listed below, with the reason.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Names that several files may export. */
const allowed: Readonly<Record<string, string>> = {
  estimate: "the page's signal holds what the server's function gave",
  preflight: "the page's signal holds what the library's function gave",
  orderOption: "one option: its values and words, and commander's form of it",
};

/** All that is not ignored: files of a change that is not committed count as well. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /^(src|web|bench|test)\/.*\.tsx?$/.test(file));

const declaration = /^export (?:async )?(?:function\*?|const|let|class|interface|type) ([\w$]+)/gm;

function exportedNames(file: string): readonly string[] {
  // A deleted file is listed until that is committed. Overloads and a type beside its value are one name.
  try {
    return [
      ...new Set(Array.from(readFileSync(file, "utf8").matchAll(declaration), ([, name = ""]) => name)),
    ];
  } catch {
    return [];
  }
}

const filesByName = new Map<string, string[]>();
for (const file of files) {
  for (const name of exportedNames(file)) {
    filesByName.set(name, [...(filesByName.get(name) ?? []), file]);
  }
}
const repeated = [...filesByName].filter(([, where]) => where.length > 1);

test("the search finds what files export", () => {
  expect(filesByName.get("PithError")).toEqual(["src/errors.ts"]);
  expect(filesByName.size).toBeGreaterThan(500);
});

test("no two files export the same name, but for those that mean the same", () => {
  expect(Object.fromEntries(repeated.filter(([name]) => !Object.hasOwn(allowed, name)))).toEqual({});
});

test("no name is allowed that needs it no more", () => {
  expect(Object.keys(allowed).filter((name) => !repeated.some(([each]) => each === name))).toEqual([]);
});
