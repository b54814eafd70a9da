/**
 * The slips that people make with tasks, on nano, which is right on all of its own prompts: a space on the wrong side,
 * labels without their space, few different prompts in many lines. Each is found before anything is searched.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  extract,
  loadModel,
  type Model,
  PithError,
  type Preflight,
  preflight,
  readTask,
} from "../src/index.ts";
import { runCli } from "./support/run-cli.ts";

interface Line {
  readonly prompt: string;
  readonly answers: readonly string[];
  readonly labels?: readonly string[];
  readonly split?: string;
}

let folder: string;
let model: Model;
let golden: readonly Required<Omit<Line, "labels">>[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-preflight-"));
  const text = await readFile("test/golden/nano-ioi.jsonl", "utf8");
  golden = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Required<Omit<Line, "labels">>)
    .filter(({ answers }) => answers?.length > 0);
  model = await loadModel("models/nano");
});

afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

async function write(name: string, lines: readonly Line[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

/** Prompts and answers alone, for Pith to divide. */
const bare = (count: number): readonly Line[] =>
  golden.slice(0, count).map(({ prompt, answers }) => ({ prompt, answers }));
const trimmed = (texts: readonly string[]) => texts.map((text) => text.trim());

async function examine(lines: readonly Line[], means: "aligned" | "pooled" = "pooled"): Promise<Preflight> {
  return preflight(model, await readTask(await write("examined.jsonl", lines)), { means, threads: 1 });
}

const codes = ({ findings }: Preflight) => findings.map(({ code, severity }) => `${severity} ${code}`);

test("a task that the original can do gives no warning", async () => {
  const found = await preflight(model, await readTask("test/golden/nano-ioi.jsonl"), { threads: 1 });
  // The golden file has no test split, and that is a note.
  expect(codes(found)).toEqual(["note no-test-prompts"]);
  const { validation, patching } = found.splits;
  expect(patching).toEqual({ examples: 150, differentPrompts: 150 });
  expect(validation).toMatchObject({ examples: 150, differentPrompts: 150, original: { prompts: 150 } });
  expect(found.answerTokens).toEqual([{ tokens: 1, answers: expect.any(Number) }]);
  // Written without their space, the names are less likely on every prompt.
  expect(found.spelling).toMatchObject({ otherLikelier: 0 });
  expect(found.spelling?.other).toBeUndefined();
});

test("prompts that end in a space: the original is right on none, and on all with the space moved", async () => {
  const found = await examine(
    bare(60).map(({ prompt, answers }) => ({ prompt: `${prompt} `, answers: trimmed(answers) })),
  );
  expect(codes(found)).toEqual(["refusal zero-accuracy", "warning prompt-ends-in-space"]);
  expect(found.original).toMatchObject({ prompts: 40, right: 0, accuracy: 0 });
  expect(found.promptsEndingInSpace).toBe(40);
  expect(found.spelling?.other).toMatchObject({ prompts: 40, right: 40 });
  expect(found.findings[1]?.sentence).toBe(
    "40 of 40 prompts end in a space. With the space before the answers instead, the original is right on 100.0 % of 40 prompts; as it is, on 0.0 %.",
  );
});

test("answers without their space: the other way is likelier on every prompt", async () => {
  const found = await examine(bare(60).map(({ prompt, answers }) => ({ prompt, answers: trimmed(answers) })));
  expect(codes(found)).toContain("refusal zero-accuracy");
  expect(codes(found)).toContain("warning answer-spelling");
  const { spelling } = found;
  expect(spelling?.otherLikelier).toBe(spelling?.compared);
  expect(spelling?.other).toMatchObject({ prompts: 40, right: 40 });
});

test("labels without their space are at chance; with it the same task is fine", async () => {
  const names = (prompt: string) => /, (\w+) and (\w+) /.exec(prompt)?.slice(1, 3) ?? [];
  const labelled = bare(150).map(({ prompt, answers }) => ({ prompt, answers, labels: names(prompt) }));
  const single = (text: string) => model.tokenizer.encode(text).length === 1;
  const usable = labelled.filter(({ labels }) => labels.length === 2 && labels.every(single));
  expect(usable.length).toBeGreaterThan(60);

  const slip = await examine(usable.map((line) => ({ ...line, answers: trimmed(line.answers) })));
  expect(slip.chance).toBe(0.5);
  expect(slip.original.interval[0]).toBeLessThanOrEqual(0.5);
  expect(codes(slip)).toEqual(["refusal at-chance", "warning answer-spelling"]);

  const right = await examine(
    usable.map((line) => ({ ...line, labels: line.labels.map((label) => ` ${label}`) })),
  );
  expect(right.findings).toEqual([]);
  expect(right.original.accuracy).toBe(1);
});

test("many lines of few prompts: each prompt counts once, and a split of few is told", async () => {
  const many = Array.from({ length: 40 }, () => bare(30)).flat();
  const divided = await examine(many, "aligned");
  expect(divided.splits.validation).toMatchObject({ examples: 10, differentPrompts: 10 });
  expect(divided.splits.test).toMatchObject({ examples: 10, differentPrompts: 10 });
  expect(divided.repeatedLines).toBe(1170);
  expect(codes(divided)).toEqual(["note repeated-lines"]);

  // Splits that the file gives are the user's.
  const given = many.slice(0, 90).map((line, index) => ({
    ...(many[index % 2] ?? line),
    split: ["patching", "validation", "test"][Math.floor(index / 30)] ?? "",
  }));
  const fixed = await examine(given);
  expect(fixed.splits.validation).toMatchObject({ examples: 30, differentPrompts: 2 });
  expect(fixed.seenTestPrompts).toBe(2);
  expect(codes(fixed)).toContain("warning repeated-prompts");
  expect(codes(fixed)).toContain("warning few-prompts");
  expect(codes(fixed)).toContain("warning test-prompts-seen");
});

describe("a search", () => {
  const slip = () => bare(30).map(({ prompt, answers }) => ({ prompt, answers: trimmed(answers) }));

  test("of a task that the original can't do is refused, and leaves nothing", async () => {
    const task = await readTask(await write("slip.jsonl", slip()));
    const out = join(folder, "refused");
    const begun = extract(model, task, out, { means: "pooled", threads: 1 });
    await expect(begun).rejects.toThrow(PithError);
    await expect(begun).rejects.toThrow(/right on none of the 10 validation prompts.*--allow-weak/s);
    expect(existsSync(out)).toBe(false);

    const events: string[] = [];
    const { preflight: found } = await extract(model, task, out, {
      ...{ means: "pooled", threads: 1, allowWeak: true, alpha: 10 },
      onEvent: (event) => void events.push(event.kind === "step" ? event.step : event.kind),
    });
    expect(codes(found)).toContain("refusal zero-accuracy");
    expect(events.indexOf("preflight")).toBeLessThan(events.indexOf("search"));
  });

  test("with strict checks is refused for a warning, and the warning says how it would be right", async () => {
    const few = await readTask(await write("few.jsonl", bare(9)));
    const strict = extract(model, few, join(folder, "strict"), { threads: 1, strict: true });
    await expect(strict).rejects.toThrow("Only 3 different validation prompts decide what is pruned.");
  });

  test("on the command line exits with 2, or tells on stderr and in the JSON object", async () => {
    await write("slip.jsonl", slip());
    const args = ["extract", "--task", "slip.jsonl", "--means", "pooled", "--alpha", "10", "--json"];
    const refused = await runCli([...args, "--out", "cli"], folder);
    expect(refused.code).toBe(2);
    expect(refused.stdout + refused.stderr).toContain("right on none of the 10 validation prompts");

    const allowed = await runCli([...args, "--allow-weak", "--out", "cli"], folder);
    expect(allowed.code).toBe(0);
    expect(allowed.stderr).toContain("warning: slip:");
    const { preflight: found } = JSON.parse(allowed.stdout) as { readonly preflight: Preflight };
    expect(found.original.right).toBe(0);
  });

  test("of a sweep looks at each of its tasks", async () => {
    await write("slip.jsonl", slip());
    const args = ["sweep", "--task", "slip.jsonl", "--means", "pooled", "--alphas", "1", "--seeds", "1"];
    const refused = await runCli([...args, "--out", "swept"], folder);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("right on none of the 10 validation prompts");
    expect(existsSync(join(folder, "swept"))).toBe(false);
  });
});
