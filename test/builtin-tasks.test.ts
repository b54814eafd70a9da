/** The built-in tasks with real tokenizers: GPT-2's own files, and nano's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type ExtractOptions, extract, loadModel, readTask } from "../src/index.ts";
import { acronymTask } from "../src/tasks/builtin/acronyms.ts";
import type { BuiltinTask } from "../src/tasks/builtin/builtin-task.ts";
import { capitalTask } from "../src/tasks/builtin/capitals.ts";
import { describeTask, showBoundaries } from "../src/tasks/builtin/describe-task.ts";
import { greaterThanTask } from "../src/tasks/builtin/greater-than.ts";
import { BUILTIN_TASKS, buildTask } from "../src/tasks/builtin/index.ts";
import { INDUCTION_REPEATED, INDUCTION_WORDS, inductionTask } from "../src/tasks/builtin/induction.ts";
import { ioiTask, otherIoiWordings } from "../src/tasks/builtin/ioi.ts";
import { inOrder, PAPER_TEMPLATE, VARIED_TEMPLATES } from "../src/tasks/builtin/ioi-templates.ts";
import { splitYears, startYear } from "../src/tasks/builtin/years.ts";
import { encodeTask } from "../src/tasks/encode-task.ts";
import { formatTaskFile } from "../src/tasks/format-task-file.ts";
import { splitExamples } from "../src/tasks/split.ts";
import { parseTaskFile } from "../src/tasks/task-file.ts";
import agreementLists from "../src/tasks/word-lists/agreement.json" with { type: "json" };
import capitalLists from "../src/tasks/word-lists/capitals.json" with { type: "json" };
import lists from "../src/tasks/word-lists/ioi.json" with { type: "json" };
import pronounLists from "../src/tasks/word-lists/pronouns.json" with { type: "json" };
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../src/tokenizer/tokenizer.ts";

const folders = { "GPT-2": "test/gpt2", nano: "models/nano" } as const;
const models = ["GPT-2", "nano"] as const;
const loaded = new Map<string, Tokenizer>();
beforeAll(async () => {
  for (const model of models) loaded.set(model, await loadTokenizer(folders[model]));
});
function tokenizerOf(model: keyof typeof folders): Tokenizer {
  const tokenizer = loaded.get(model);
  if (tokenizer === undefined) throw new Error(`no tokenizer ${model}`);
  return tokenizer;
}

/** Every match is a token, the same text the same one. */
function pieceTokenizer(pattern: RegExp) {
  const ids = new Map<string, number>();
  const idOf = (piece: string) => {
    const id = ids.get(piece) ?? ids.size;
    ids.set(piece, id);
    return id;
  };
  return { encode: (text: string) => [...text.matchAll(pattern)].map(([piece]) => idOf(piece)) };
}
const digits = pieceTokenizer(/ ?[a-z]+|./gi);

const few = { patching: 6, validation: 5, test: 4 };
const kept = (task: BuiltinTask) =>
  Object.fromEntries(task.words.map(({ kind, kept, given }) => [kind, [kept, given]]));
const boundaries = (task: BuiltinTask, tokenizer: Tokenizer) =>
  task.examples.map(({ prompt }) => showBoundaries(tokenizer.encode(prompt), tokenizer));

/** nano's vocabulary of 2194 tokens has too few words for the others. */
const names = (model: keyof typeof folders) =>
  BUILTIN_TASKS.map(({ name }) => name).filter(
    (name) => model !== "nano" || (name !== "docstring" && name !== "pronouns"),
  );
/** Capitals: 38 of GPT-2's and 29 of nano's countries serve. */
const defaultCount = (name: string, model: keyof typeof folders) =>
  name === "capitals"
    ? { "GPT-2": 12, nano: 9 }[model]
    : ["greater-than", "acronyms"].includes(name)
      ? 250
      : 150;

describe.each(models)("every task with %s's tokenizer", (model) => {
  test.each(names(model))("%s: the published counts, encoded as a task file", (name) => {
    const tokenizer = tokenizerOf(model);
    const task = buildTask(name, tokenizer);
    const count = defaultCount(name, model);
    expect(describeTask(task, tokenizer).prompts).toEqual({
      patching: count,
      validation: count,
      test: count,
    });
    expect(new Set(task.examples.map(({ prompt }) => prompt)).size).toBe(3 * count);

    const { examples } = parseTaskFile(formatTaskFile(task.examples), `${name}.jsonl`);
    expect(examples).toEqual(task.examples);
    const encoded = encodeTask(splitExamples(examples, { seed: 0 }), tokenizer, {
      ...{ means: "aligned", bos: task.bos, contextLength: 64, fileName: `${name}.jsonl` },
    });
    const lengths = new Set(encoded.test.map(({ ids }) => ids.length));
    expect([...lengths]).toEqual([Number(task.promptTokens) + Number(task.bos)]);
  });

  test("same seed, same prompts; another seed, others; no prompt in two splits", () => {
    const tokenizer = tokenizerOf(model);
    fc.assert(
      fc.property(fc.constantFrom(...names(model)), fc.nat(), (name, seed) => {
        const task = buildTask(name, tokenizer, {
          seed,
          counts: few,
          templates: "varied",
          orders: ["BABA", "ABBA"],
        });
        expect(
          buildTask(name, tokenizer, { seed, counts: few, templates: "varied", orders: ["BABA", "ABBA"] }),
        ).toEqual(task);
        expect(buildTask(name, tokenizer, { seed: seed + 1, counts: few }).examples).not.toEqual(
          task.examples,
        );
        const prompts = (split: string) =>
          task.examples.filter((e) => e.split === split).map((e) => e.prompt);
        const all = [...prompts("patching"), ...prompts("validation"), ...prompts("test")];
        expect(new Set(all).size).toBe(15);
      }),
      { numRuns: 12 },
    );
  });
});

describe("ioi", () => {
  test("GPT-2: 15 tokens, a name, a place and an object one each", () => {
    const tokenizer = tokenizerOf("GPT-2");
    const task = ioiTask(tokenizer, { counts: few });
    expect(task.promptTokens).toBe(15);
    expect(task.bos).toBe(false);
    for (const shown of boundaries(task, tokenizer)) {
      expect(shown).toMatch(
        /^\|Then\|,\| (\w+)\| and\| (\w+)\| went\| to\| the\| \w+\|\.\| \1\| gave\| a\| \w+\| to\|$/,
      );
    }
    expect(kept(task)).toEqual({ names: [109, 109], places: [8, 8], objects: [8, 8] });
    expect(kept(ioiTask(tokenizerOf("nano"), { counts: few }))).toEqual({
      ...{ names: [95, 109], places: [8, 8], objects: [8, 8] },
    });
  });

  test("the answer is the name that stands once", () => {
    const options = {
      templates: "varied",
      orders: ["BABA", "ABBA"],
      counts: { patching: 0, validation: 60, test: 0 },
    } as const;
    for (const { prompt, answers } of ioiTask(tokenizerOf("GPT-2"), options).examples) {
      const [answer = ""] = answers;
      expect(prompt.split(answer)).toHaveLength(2);
    }
  });

  test("fifteen templates and both orders, all of 15 tokens for GPT-2", () => {
    const tokenizer = tokenizerOf("GPT-2");
    const counts = { patching: 0, validation: 600, test: 0 };
    const task = ioiTask(tokenizer, { templates: "varied", orders: ["BABA", "ABBA"], counts });
    expect(new Set(VARIED_TEMPLATES).size).toBe(15);
    expect(VARIED_TEMPLATES).not.toContain(PAPER_TEMPLATE);
    expect({ notes: task.notes, length: task.promptTokens }).toEqual({ notes: [], length: 15 });
    const listed = new Set([...lists.names, ...lists.places, ...lists.objects]);
    const bare = (prompt: string) => prompt.replace(/\w+/g, (word) => (listed.has(word) ? "_" : word));
    expect(new Set(task.examples.map(({ prompt }) => bare(prompt))).size).toBe(15);

    const both = ioiTask(tokenizer, { orders: ["BABA", "ABBA"], counts }).examples;
    const giverFirst = both.filter(({ prompt }) => /^Then, (\w+) and .* \1 gave/.test(prompt)).length;
    // Half of 600, give or take five standard deviations.
    expect(Math.abs(giverFirst - 300)).toBeLessThan(62);
  });

  test("other wordings: the other order of its names, and sentences that the prompts do not have", () => {
    const tokenizer = tokenizerOf("GPT-2");
    const wordings = (prompts: readonly string[]) =>
      otherIoiWordings(tokenizer, prompts, { seed: 0, length: 15, count: 40 });
    const promptsOf = (task: BuiltinTask) => task.examples.map(({ prompt }) => prompt);
    const found = wordings(promptsOf(ioiTask(tokenizer, { counts: few })));
    expect(found?.map(({ name }) => name)).toEqual(["names in the order ABBA", "15 other sentences"]);
    const [turned, others] = found ?? [];
    expect(turned?.examples).toHaveLength(40);
    for (const { prompt, answers } of turned?.examples ?? []) {
      const [, first, second, giver] =
        /^Then, (\w+) and (\w+) went .* (\w+) gave a \w+ to$/.exec(prompt) ?? [];
      expect([` ${first}`, second]).toEqual([answers[0], giver]);
    }
    for (const { prompt, answers } of others?.examples ?? []) {
      expect(prompt).not.toMatch(/^Then, /);
      expect(tokenizer.encode(prompt)).toHaveLength(15);
      expect(prompt.match(new RegExp(`${answers[0]}\\b`, "g"))).toHaveLength(1);
    }
    // Those of all thirty-two have no other; those of no known sentence have none that is known.
    const orders = ["BABA", "ABBA"] as const;
    const all = (["paper", "varied"] as const).flatMap((templates) =>
      promptsOf(ioiTask(tokenizer, { templates, orders, counts: { ...few, test: 400 } })),
    );
    expect(wordings(all)).toEqual([]);
    expect(wordings([...all, "The treaty lasted from the year 1732 to 17"])).toBeUndefined();
  });

  test("where lengths differ, aligned keeps the largest group and says so; pooled keeps all", () => {
    const tokenizer = tokenizerOf("nano");
    const aligned = ioiTask(tokenizer, { templates: "varied", counts: few });
    const lengths = new Set(aligned.examples.map(({ prompt }) => tokenizer.encode(prompt).length));
    expect([...lengths]).toEqual([aligned.promptTokens]);
    expect(aligned.notes.join()).toMatch(/^\d+ of 15 templates are left out: .* \d+ tokens long/);
    const counts = { patching: 0, validation: 200, test: 0 };
    const pooled = ioiTask(tokenizer, { templates: "varied", means: "pooled", counts });
    expect({ notes: pooled.notes, length: pooled.promptTokens }).toEqual({ notes: [], length: undefined });
    expect(
      new Set(pooled.examples.map(({ prompt }) => tokenizer.encode(prompt).length)).size,
    ).toBeGreaterThan(2);
  });

  test("ABBA exchanges the first two names and nothing else", () => {
    expect(inOrder(PAPER_TEMPLATE, "ABBA")).toBe(
      "Then, [A] and [B] went to the [PLACE]. [B] gave a [OBJECT] to",
    );
  });

  test("too few words, or too few prompts, are told in numbers", () => {
    const tokenizer = tokenizerOf("GPT-2");
    expect(() => ioiTask(tokenizer, { words: { names: ["Mary", "Xqzzyw", "Mary"] } })).toThrow(
      "ioi: 1 of 2 names are one token with their space for this tokenizer; 2 are needed.",
    );
    expect(() => ioiTask(tokenizer, { orders: [] })).toThrow('"orders": ioi: no order of names is left.');
    const words = { names: ["Mary", "John"], places: ["store"], objects: ["ring", "bone"] };
    expect(() => ioiTask(tokenizer, { words })).toThrow(
      "ioi: 450 prompts are asked for, but the words that this tokenizer leaves make only 4.",
    );
  });
});

describe("greater-than", () => {
  test.each(models)("%s: the years are |XX|YY|, and every later year is an answer", (model) => {
    const tokenizer = tokenizerOf(model);
    const task = greaterThanTask(tokenizer, { counts: few });
    for (const shown of boundaries(task, tokenizer)) {
      expect(shown).toMatch(/^\|The\| \w+\| lasted\| from\| the\| year\| (1[1-7])\|\d\d\| to\| \1\|$/);
    }
    for (const { prompt, answers } of task.examples.slice(few.patching)) {
      const start = Number(startYear(prompt));
      expect(answers).toHaveLength(99 - start);
      expect(answers.every((answer, i) => Number(answer) === start + 1 + i)).toBe(true);
    }
  });

  test("GPT-2 has years of one token, which are left out; so are each century's first and last", () => {
    const years = splitYears(tokenizerOf("GPT-2"));
    const of = (wanted: number) => years.filter(({ century }) => century === wanted).map(({ year }) => year);
    expect(of(17)).toEqual(Array.from({ length: 95 }, (_, i) => i + 3));
    expect(of(12)).not.toContain(80);
    expect(of(13).slice(0, 3)).toEqual([11, 12, 13]);
    expect(kept(greaterThanTask(tokenizerOf("GPT-2"), { counts: few }))).toEqual({
      ...{ nouns: [120, 120], years: [years.length, 679] },
    });
    expect(kept(greaterThanTask(tokenizerOf("nano"), { counts: few }))).toEqual({
      ...{ nouns: [99, 120], years: [665, 679] },
    });
  });

  test.each([
    ["ones", "The war lasted from the year 1732 to the year 173", ["3", "4", "5", "6", "7", "8", "9"]],
    ["tens", "The war lasted from the year 1732 to the year 17", ["3", "4", "5", "6", "7", "8", "9"]],
    ["tens", "The war lasted from the year 1739 to the year 17", ["4", "5", "6", "7", "8", "9"]],
  ] as const)("a tokenizer of single digits: by its %s, after %j", (digit, prompt, answers) => {
    const counts = { patching: 0, validation: 560, test: 0 };
    const { examples } = greaterThanTask(digits, { digit, nouns: ["war"], counts });
    expect(examples.find((example) => example.prompt === prompt)?.answers).toEqual(answers);
    // Seven centuries, ten times eight years: the digit that is asked for has an earlier and a later one.
    expect(new Set(examples.map((example) => example.prompt)).size).toBe(560);
  });

  test("where no year is |XX|YY|, the last digit alone is asked for, and a note says so", () => {
    const task = greaterThanTask(digits, { counts: few });
    expect(kept(task)).toEqual({ nouns: [120, 120], years: [560, 560] });
    expect(task.notes).toEqual([
      "This tokenizer splits no year into century and two digits, so the last digit alone is asked for.",
    ]);
    for (const { prompt, answers } of task.examples.slice(few.patching)) {
      const [, own] = /\d\d\d(\d) to the year \d\d\d$/.exec(prompt) ?? [];
      expect(answers).toEqual("0123456789".split("").filter((digit) => digit > String(own)));
    }
  });

  test("groups of three digits leave the last one, and no digit of tens", () => {
    const threes = pieceTokenizer(/ ?[a-z]+|\d{1,3}|./gi);
    const { examples } = greaterThanTask(threes, { counts: few });
    expect(examples[0]?.prompt).toMatch(/ to the year \d\d\d$/);
    expect(() => greaterThanTask(threes, { counts: few, digit: "tens" })).toThrow(
      "greater-than: this tokenizer splits no year into century and two digits, nor off its digit of tens.",
    );
  });
});

describe("acronyms", () => {
  test.each(models)("%s: |The| C|hief|… (|A|B|, the third letter", (model) => {
    const tokenizer = tokenizerOf(model);
    const task = acronymTask(tokenizer, { counts: few });
    expect({ bos: task.bos, length: task.promptTokens }).toEqual({ bos: true, length: 10 });
    for (const shown of boundaries(task, tokenizer)) {
      expect(shown).toMatch(/^\|The\| ([A-Z])\|[a-z]+\| ([A-Z])\|[a-z]+\| [A-Z]\|[a-z]+\| \(\|\1\|\2\|$/);
    }
    for (const { prompt, answers } of task.examples.slice(few.patching)) {
      expect(answers).toEqual([prompt.split(" ")[3]?.[0]]);
    }
  });

  test.each([
    [1, 8, 1],
    [2, 9, 2],
  ] as const)("letter %i is asked after %i tokens", (letter, tokens, word) => {
    const task = acronymTask(tokenizerOf("GPT-2"), { letter, counts: few });
    expect(task.promptTokens).toBe(tokens);
    for (const { prompt, answers } of task.examples.slice(few.patching)) {
      expect(answers).toEqual([prompt.split(" ")[word]?.[0]]);
    }
  });

  test("the words that survive; samples show the start token", () => {
    const gpt2 = tokenizerOf("GPT-2");
    const task = acronymTask(gpt2, { counts: few });
    expect(kept(task)).toEqual({ words: [381, 381] });
    expect(kept(acronymTask(tokenizerOf("nano"), { counts: few }))).toEqual({ words: [367, 381] });
    const { samples } = describeTask(task, gpt2, 2);
    // The start token is shown, and counted neither here nor there.
    expect([task.promptTokens, ...samples.map(({ tokens }) => tokens)]).toEqual([10, 10, 10]);
    const shown = samples[0]?.boundaries.replace("<|endoftext|>", "start").split("|");
    expect(shown).toHaveLength(11 + 2);
    expect(samples[0]?.boundaries).toMatch(/^\|<\|endoftext\|>\|The\| [A-Z]\|/);
    expect(samples[0]?.prompt).toBe(task.examples[few.patching]?.prompt);
  });
});

describe("acronyms whose letters merge", () => {
  const words = ["Ada", "Bob", "Cid", "Dan"];

  test("the third letter is asked for after two letters that are one token", () => {
    // "AB" and "CD" are tokens, and no other letters merge.
    const tokenizer = pieceTokenizer(/ [A-Z]|AB|CD|[A-Z]| ?[a-z]+|./g);
    const counts = { patching: 0, validation: 2, test: 0 };
    // Of 64 acronyms, 16 hold one of the pairs; the rest is spelled letter by letter.
    const task = acronymTask(tokenizer, { words, counts });
    expect(task.notes).toEqual([
      expect.stringMatching(/^This tokenizer merges an acronym's letters: 16 of 64/),
    ]);
  });

  test("where most merge, what can't be asked for is left out and counted", () => {
    // Every two letters are one token, so "ABC" is AB + C: the first letter of two is what the model says.
    const pairs = pieceTokenizer(/ [A-Z]|[A-Z]{1,2}| ?[a-z]+|./g);
    const counts = { patching: 0, validation: 6, test: 0 };
    const third = acronymTask(pairs, { words, counts });
    expect(third.notes).toEqual([
      "This tokenizer merges an acronym's letters: 0 of 64 acronyms are left out, whose third letter no token begins with, or whose first letters are more or fewer tokens than most.",
    ]);
    for (const { prompt, answers } of third.examples) expect(answers).toEqual([prompt.split(" ")[3]?.[0]]);
    const first = acronymTask(pairs, { words, counts, letter: 1 });
    for (const { prompt, answers } of first.examples) {
      const [a = "", b = ""] = [...prompt.matchAll(/ ([A-Z])/g)].map(([, letter]) => letter);
      expect(answers).toEqual([a, a + b]);
    }
    expect(() => acronymTask(pairs, { words, counts, letter: 2 })).toThrow("make only 0");
  });

  test("words of one token, where there are hardly any of a capital and a rest", () => {
    const whole = pieceTokenizer(/ ?[A-Z]?[a-z]+|./g);
    const task = acronymTask(whole, { words, counts: { patching: 1, validation: 1, test: 1 } });
    expect(task.notes).toEqual([
      "This tokenizer has hardly a word as capital and rest, so words of one token are used.",
    ]);
    expect(kept(task)).toEqual({ words: [4, 4] });
  });
});

describe("induction", () => {
  test.each(models)("%s: the answer is the word that followed the last one's first occurrence", (model) => {
    const tokenizer = tokenizerOf(model);
    const task = inductionTask(tokenizer, { counts: few });
    const starts = new Set<number>();
    for (const { prompt, answers } of task.examples.slice(few.patching)) {
      const words = prompt.trim().split(" ");
      const random = words.slice(0, INDUCTION_WORDS);
      expect(new Set(random).size).toBe(INDUCTION_WORDS);
      const at = random.indexOf(String(words.at(-1)));
      expect(words.slice(INDUCTION_WORDS)).toEqual(random.slice(at + 1 - INDUCTION_REPEATED, at + 1));
      expect(answers).toEqual([` ${random[at + 1]}`]);
      starts.add(at);
    }
    expect(starts.size).toBeGreaterThan(1);
  });

  test("a vocabulary without words can't have the task", () => {
    const tokenizer = { ...digits, vocabularySize: 300, tokenText: (id: number) => String(id) };
    expect(() => inductionTask(tokenizer)).toThrow(
      "induction: 0 of 300 tokens are plain words of four letters or more; 200 are needed.",
    );
  });
});

describe("tasks with wrong answers to compare with", () => {
  const counts = { patching: 20, validation: 60, test: 20 };
  const asked = (name: string) =>
    buildTask(name, tokenizerOf("GPT-2"), { counts }).examples.filter(({ split }) => split !== "patching");

  test("docstring: the third described of six arguments, among the six", () => {
    for (const { prompt, answers, labels } of asked("docstring")) {
      const [, names = ""] = /^def \w+\(self, (.*)\):\n/.exec(prompt) ?? [];
      const written = names.split(", ");
      expect(labels).toEqual(written.map((name) => ` ${name}`));
      expect(answers).toEqual([` ${written[4]}`]);
      expect([...prompt.matchAll(/:param (\w+):/g)].map(([, name]) => name)).toEqual(written.slice(2, 4));
      expect(prompt).toMatch(/\n {4}:param$/);
    }
  });

  test("agreement: the verb's number is the first noun's, whatever the second's is", () => {
    const seen = new Set<string>();
    const plurals = new Set(agreementLists.nouns.map(({ plural }) => plural));
    for (const { prompt, answers, labels } of asked("agreement")) {
      const [, subject = "", , , other = ""] = prompt.split(" ");
      const plural = plurals.has(subject);
      expect(answers).toEqual(plural ? [" are", " were", " have"] : [" is", " was", " has"]);
      expect(labels).toEqual([" is", " was", " has", " are", " were", " have"]);
      seen.add(`${plural} ${plurals.has(other)}`);
    }
    expect(seen.size).toBe(4);
  });

  test("pronouns: by the list that the name stands on", () => {
    for (const { prompt, answers, labels } of asked("pronouns")) {
      const [, name = ""] = prompt.split(" ");
      expect(answers).toEqual([pronounLists.she.includes(name) ? " she" : " he"]);
      expect(labels).toEqual([" he", " she"]);
    }
  });
});

describe("capitals", () => {
  const byCountry = new Map(capitalLists.countries.map(({ country, capital }) => [country, capital]));

  test("a country stands in one split only; pooled means take names of any length", () => {
    const tokenizer = tokenizerOf("GPT-2");
    const aligned = capitalTask(tokenizer);
    const countries = aligned.examples.map(
      ({ prompt }) => /^The capital of (.*) is$/.exec(prompt)?.[1] ?? "",
    );
    expect(new Set(countries).size).toBe(36);
    for (const [i, { answers, split }] of aligned.examples.entries())
      expect(answers).toEqual(split === "patching" ? [] : [` ${byCountry.get(countries[i] ?? "")}`]);
    expect(aligned.notes.join()).toMatch(/^1 of 38 countries are left out/);
    const pooled = capitalTask(tokenizer, { means: "pooled" });
    expect({ notes: pooled.notes, length: pooled.promptTokens, prompts: pooled.examples.length }).toEqual({
      ...{ notes: [], length: undefined, prompts: 36 },
    });
  });

  test("the list: each country once, and no capital that its country's name gives away", () => {
    expect(byCountry.size).toBe(capitalLists.countries.length);
    for (const [country, capital] of byCountry) {
      expect(capital).toMatch(/^\p{Lu}\p{L}+$/u);
      expect(capital.startsWith(country)).toBe(false);
      // "The capital of Philippines" is no English.
      expect(country).not.toMatch(
        /^(Bahamas|Comoros|Gambia|Maldives|Netherlands|Philippines|Seychelles)$|^United/,
      );
    }
  });
});

test("words that the tokenizer doesn't have are counted, and too few are refused in numbers", () => {
  const nano = tokenizerOf("nano");
  expect(() => buildTask("docstring", nano)).toThrow(
    "docstring: 22 of 185 words are one token with their space for this tokenizer; 28 are needed.",
  );
  expect(() => buildTask("pronouns", nano)).toThrow("pronouns: 450 prompts are asked for, but the words");
  expect(kept(buildTask("agreement", nano, { counts: few }))).toEqual({
    ...{ nouns: [8, 48], prepositions: [4, 6], verbs: [2, 3] },
  });
});

test("extraction keeps to the task's own start token, unless the caller says otherwise", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pith-builtin-"));
  const model = await loadModel("models/nano");
  const { tokenizer } = model;
  const task = await readTask("acronyms", { tokenizer, seed: 1, counts: few });
  const run = async (options: ExtractOptions) => {
    const out = join(folder, "circuit");
    return (await extract(model, task, out, { ...options, mlps: false, force: true, threads: 1 })).circuit;
  };
  const own = await run({});
  const without = await run({ bos: false });
  await model.close();
  await rm(folder, { recursive: true });
  expect([own.task.bos, own.profile]).toEqual([true, { kind: "aligned", length: 11 }]);
  expect([without.task.bos, without.profile]).toEqual([false, { kind: "aligned", length: 10 }]);
  expect(own.task).toEqual({
    ...{ name: "acronyms", builtin: true, sha256: task.sha256, examples: few, seed: 0, bos: true },
  });
});

test("an unknown task is told which there are", () => {
  expect(() => buildTask("iou", tokenizerOf("nano"))).toThrow(
    'there is no built-in task "iou". Choose ioi, greater-than, acronyms, induction',
  );
});
