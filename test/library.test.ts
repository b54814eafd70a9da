/**
 * The library as its documents have it: what they call by name is exported, the programs in them are accepted by the
 * compiler, and the reference is made without a warning, which means that whatever a public function takes or gives
 * is exported and described.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Application, LogLevel } from "typedoc";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import * as library from "../src/index.ts";

const root = join(import.meta.dirname, "..");
const filesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(folder, { encoding: "utf8", recursive: true })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
    .sort();
const documents = ["README.md", ...filesIn("docs", ".md")];

describe("what documents call usable", () => {
  /** Functions and constants of the whole source. */
  const declared = new Set(
    filesIn("src", ".ts").flatMap((file) =>
      Array.from(
        readFileSync(file, "utf8").matchAll(/^export (?:async )?(?:function\*?|const) ([\w$]+)/gm),
        ([, name = ""]) => name,
      ),
    ),
  );

  /** Fields that have the name of a function that documents do not mean. */
  const fields = ["yearMass"];

  test.each(documents)("%s", (file) => {
    // Names in camel case: commands and plain words are no names of the library.
    const named = Array.from(
      readFileSync(file, "utf8").matchAll(/`([a-z]+[A-Z]\w*)[`(]/g),
      ([, name = ""]) => name,
    );
    const missing = named.filter(
      (name) => declared.has(name) && !fields.includes(name) && !Object.hasOwn(library, name),
    );
    expect(missing).toEqual([]);
  });
});

test("programs in documents are accepted by the compiler", () => {
  const programs = new Map<string, string>();
  for (const file of documents) {
    const blocks = readFileSync(file, "utf8").matchAll(/```ts\n(.*?)```/gs);
    for (const [index, [, code = ""]] of [...blocks].entries()) {
      // Beside the source, so that packages are found.
      programs.set(join(root, `${file.replaceAll(/\W/g, "-")}-${index}.ts`), code);
    }
  }
  expect(programs.size).toBeGreaterThan(3);

  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const own: ts.CompilerOptions = {
    ...options,
    paths: { pith: [join(root, "src/index.ts")] },
    // What a reader does with a result is the reader's.
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  const host = ts.createCompilerHost(own);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => programs.has(path) || fileExists(path);
  host.readFile = (path) => programs.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = programs.get(path);
    return text === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version, true);
  };
  const program = ts.createProgram([...programs.keys()], own, host);
  const faults = [...programs.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  expect(ts.formatDiagnostics(faults, host)).toBe("");
});

test("the reference is made without a warning", async () => {
  const application = await Application.bootstrap({
    options: join(root, "typedoc.json"),
    logLevel: LogLevel.None,
  });
  const warnings: string[] = [];
  application.logger.log = (message, level) => {
    if (level >= LogLevel.Warn) warnings.push(message);
  };
  const project = await application.convert();
  if (project === undefined) throw new Error("the library could not be read");
  application.validate(project);
  expect(warnings).toEqual([]);
});
