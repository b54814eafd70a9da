/**
 * Reports from one end to the other: what is shown is what other code computes, the page opens in a real browser
 * and asks for nothing, and no text of a task can do more than be shown.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFileSource } from "../src/checkpoint/file-source.ts";
import type { Profile } from "../src/export/config-json.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { readStandalone } from "../src/export/read-standalone.ts";
import { describeGraph } from "../src/export/ship-model.ts";
import { extract, loadModel, type Model, readTask } from "../src/index.ts";
import { attributeAnswers } from "../src/inspect/attribution.ts";
import { type CircuitReport, gatherReport } from "../src/jobs/report/report.ts";
import { scoredAtEnd } from "../src/measure/answer-logits.ts";
import { shippedLogits } from "../src/measure/shipped-logits.ts";
import { reportPage, reportParts } from "../src/report/html/report-page.ts";
import { type Circuit, circuitOfLists, countComponents, listsOf } from "../src/transformer/circuit.ts";
import { nameInModel, nameOfRecord } from "../src/transformer/component.ts";
import { launchChromium } from "./support/chromium.ts";
import {
  goldenPrompts,
  goldenReplacements,
  goldenRuns,
  loadNano,
  nanoTokenizer,
  runtime,
  shipCircuit,
} from "./support/export-circuit.ts";
import { runCli } from "./support/run-cli.ts";

const skill = (name: string) => resolve(`models/nano/tasks/${name}.jsonl`);

let place: string;
let nano: Model;
let browser: Browser;
/** Aligned, found by a search, of a task whose prompts are of 15 tokens. */
let found: CircuitReport;
/** Of any length; nothing is known of where it is from. */
let given: string;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-report-"));
  nano = await loadModel();
  browser = await launchChromium();
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trimEnd().split("\n");
  const some = ["patching", "validation", "test"].flatMap((split) =>
    lines.filter((line) => line.includes(`"split": "${split}"`)).slice(0, split === "test" ? 40 : 20),
  );
  await writeFile(join(place, "few.jsonl"), some.join("\n"));
  const task = await readTask(join(place, "few.jsonl"));
  const { folder } = await extract(nano, task, join(place, "few"), { alpha: 0.05, threads: 1 });
  found = await gatherReport(folder, {
    original: nano,
    task,
    skills: await Promise.all(["induction", "capitals"].map((name) => readTask(skill(name)))),
    rankings: ["fisher", "nap"],
    threads: 1,
  });
  const [pooled] = (await goldenRuns("ioi")).filter(
    (run) => run.means === "pooled" && run.ablation === "mean",
  );
  if (pooled === undefined) throw new Error("no golden run has pooled means");
  const circuit = circuitOfLists({ heads: pooled.kept_heads, mlps: pooled.kept_mlps });
  const replacements = await goldenReplacements(nano.transformer, "ioi", pooled);
  given = (
    await shipCircuit(nano.transformer, circuit, replacements, { kind: "decoder" }, join(place, "given"))
  ).directory;
});

afterAll(async () => {
  await browser?.close();
  await nano?.close();
  await rm(place, { recursive: true, force: true });
});

test("rankings stand beside the search's own decisions", async () => {
  if (found.rankings === undefined || !("found" in found.rankings)) throw new Error("no rankings");
  const { rankings, components } = found.rankings.found;
  expect(rankings.map(({ ranking, loss }) => [ranking, loss])).toEqual([
    ["fisher", "kl"],
    ["nap", "cross-entropy"],
  ]);
  const { trace } = found.circuit.search;
  expect(components).toHaveLength(trace.length);
  for (const { component, kept, delta, scores } of components) {
    const decision = trace.find((each) => nameOfRecord(each) === nameInModel(component));
    expect([delta, kept]).toEqual([decision?.delta, decision?.pruned === false]);
    expect(scores.every(Number.isFinite)).toBe(true);
  }
  for (const { agreement } of rankings) expect(Math.abs(agreement ?? Number.NaN)).toBeLessThanOrEqual(1);
  expect(reportPage([found])).toContain("agrees with the search");
  const without = await gatherReport(found.directory, { rankings: ["relp"], threads: 1 });
  expect(without.rankings).toMatchObject({ missing: expect.stringContaining("not at hand") });
});

describe("attribution", () => {
  const whole: Circuit = circuitOfLists({
    heads: Array.from({ length: 36 }, (_, at) => [Math.floor(at / 6), at % 6] as const),
    mlps: [0, 1, 2, 3, 4, 5],
  });
  const cases: readonly (readonly [string, Profile, Circuit | undefined])[] = [
    ["a golden circuit, aligned", { kind: "aligned", length: 15 }, undefined],
    ["a golden circuit, of any length", { kind: "decoder" }, undefined],
    ["the whole model", { kind: "aligned", length: 15 }, whole],
    ["MLPs alone", { kind: "aligned", length: 15 }, circuitOfLists({ heads: [], mlps: [0, 5] })],
    ["MLPs alone, of any length", { kind: "decoder" }, circuitOfLists({ heads: [], mlps: [0, 5] })],
    ["nothing", { kind: "aligned", length: 15 }, circuitOfLists({ heads: [], mlps: [] })],
  ];

  test.each(cases)(
    "%s: the parts add up to the shipped circuit's centred logit",
    async (_, profile, chosen) => {
      const means = profile.kind === "aligned" ? "aligned" : "pooled";
      const model = await loadNano();
      const [golden] = (await goldenRuns("ioi")).filter(
        (run) => run.means === means && run.ablation === "mean",
      );
      if (golden === undefined) throw new Error("no such golden run");
      const circuit = chosen ?? circuitOfLists({ heads: golden.kept_heads, mlps: golden.kept_mlps });
      const replacements = await goldenReplacements(model, "ioi", golden);
      const { directory } = await shipCircuit(model, circuit, replacements, profile);
      const { standalone, close, session, folder } = await open(directory);
      const tokenizer = await nanoTokenizer();
      const answers = [" Mary", " John", " Paul"].map((name) => tokenizer.encode(name)[0] ?? 0);
      const prompts = (await goldenPrompts("ioi", "validation", golden.bos))
        .slice(0, 12)
        .map((ids, index) => ({ ids, answers: [answers[index % 3] ?? 0] }));
      const { totals, parts } = await attributeAnswers(runtime, standalone, prompts);
      expect(parts).toHaveLength(2 + countComponents(circuit));
      let compared = 0;
      const graph = describeGraph(standalone, folder.circuit.profile);
      await shippedLogits(
        runtime,
        session,
        graph,
        prompts.map(({ ids }) => scoredAtEnd(ids)),
        (index, logits) => {
          const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
          const own = (logits[prompts[index]?.answers[0] ?? -1] ?? Number.NaN) - mean;
          expect(Math.abs((totals[index] ?? Number.NaN) - own)).toBeLessThan(1e-4);
          compared++;
        },
      );
      expect(compared).toBe(prompts.length);
      await close();
    },
  );
});

describe("what a report holds", () => {
  test("examples, counted as circuit.json counts them", () => {
    if (!("found" in found.examples)) throw new Error(found.examples.missing);
    const { split, examples, rightCount, originalRightCount, right, wrong, leftOut } = found.examples.found;
    const accuracy = found.circuit.metrics.accuracy.test;
    expect({ split, examples, leftOut }).toEqual({ split: "test", examples: 40, leftOut: 0 });
    expect(rightCount / examples).toBeCloseTo(accuracy?.circuit ?? Number.NaN, 10);
    expect((originalRightCount ?? 0) / examples).toBeCloseTo(accuracy?.original ?? Number.NaN, 10);
    expect(right).toHaveLength(Math.min(3, rightCount));
    expect(wrong).toHaveLength(Math.min(3, examples - rightCount));
    for (const { circuit, original, accepted } of right) {
      expect(circuit.likeliest).toHaveLength(5);
      expect(circuit.likeliest[0]?.text).toBe(accepted[0]);
      const chances = circuit.likeliest.map(({ probability }) => probability);
      expect(chances).toEqual(chances.toSorted((a, b) => b - a));
      expect(original?.likeliest).toHaveLength(5);
    }
  });

  test("skills of another length are named, not left out", () => {
    const [induction, capitals] = found.skills;
    expect(induction).toMatchObject({ skill: "induction", compared: 5, total: 200, originalAccuracy: 1 });
    expect(capitals).toEqual({
      ...{ skill: "capitals", split: "test", compared: 0, total: 30 },
      reason: "prompts of 5 tokens; this circuit takes 15 tokens",
    });
  });

  test("a folder alone: what it lacks is said; skills of any length need no original", async () => {
    const report = await gatherReport(given, { skills: [await readTask(skill("capitals"))], threads: 1 });
    expect(report.examples).toEqual({
      missing: 'The task "a test" is not at hand here; give its file with --task.',
    });
    expect(report.skills).toMatchObject([{ compared: 30, total: 30, accuracy: expect.any(Number) }]);
    expect(report.skills[0]).not.toHaveProperty("originalAccuracy");
    const page = await openPage(reportPage([report]));
    expect(await page.locator("main").innerText()).toContain("No search was recorded");
    await page.close();
  });

  test("a model of another shape is refused", async () => {
    const { blocks, width, vocabularySize } = nano.transformer;
    for (const shape of [
      { blocks: blocks.slice(1) },
      { width: width / 2 },
      { vocabularySize: vocabularySize - 1 },
    ]) {
      const original = { ...nano, transformer: { ...nano.transformer, ...shape } };
      await expect(gatherReport(given, { original, threads: 1 })).rejects.toThrow("is not the model");
    }
  });
});

test("a circuit of a target: what was asked, reached and tried, and no threshold that did not decide", () => {
  const { circuit } = found;
  const target = {
    ...({ kind: "accuracy", value: 0.99, evaluations: 313, candidates: 42, settled: true } as const),
    ...{ reached: { kl: 0.5, size: 0.25, accuracy: 0.995 }, original: { accuracy: 1 } },
    tried: [{ alpha: 0.1, heads: 2, mlps: 1, size: 0.125, kl: 0.75, accuracy: 0.875, holds: false }],
  };
  const search = { ...circuit.search, name: "target", options: { order: "published" } };
  const text = reportPage([{ ...found, circuit: { ...circuit, search, target } }]).replaceAll("\u00a0", " ");
  for (const shown of [
    "for an accuracy of 99.0 % or more, mean ablation",
    "accuracy 99.5 %, KL 0.5000 nats and 25.0 % of the body on the validation prompts",
    "smaller circuits of a sweep fail: α = 0.1 (12.5 % of the body) 87.5 %",
    "313 evaluations, as many as 7.5 searches",
    "It began with the whole model.",
  ]) {
    expect(text).toContain(shown);
  }
  expect(text).not.toContain(`α = ${circuit.search.options["alpha"]}`);
  expect(reportPage([found]).replaceAll("\u00a0", " ")).toContain(`α = ${circuit.search.options["alpha"]}`);
});

describe("the page in Chromium", () => {
  test("one circuit: all of it is there, and nothing is asked for", async () => {
    const page = await openPage(reportPage([found]));
    const { trace } = found.circuit.search;
    const { heads, mlps } = listsOf(found.circuit.kept);
    expect(await page.title()).toBe("Circuit report: nano on few");
    const cells = page.locator("#circuit-0-map-svg g:not(.legend) > .cell");
    expect(await cells.count()).toBe(36 + 6);
    expect(await page.locator("#circuit-0-map-svg g:not(.legend) > .cell.kept").count()).toBe(
      heads.length + mlps.length,
    );
    expect(await page.locator("#circuit-0-trace-svg .step").count()).toBe(trace.length);
    // Three prompts of 15 tokens: a triangle of 120 cells for each kept head.
    expect(await page.locator("#circuit-0-attention figure svg").count()).toBe(3 * heads.length);
    expect(await page.locator("#circuit-0-attention svg[id$=attention-key]").count()).toBe(1);
    expect(await page.locator("#circuit-0-attention .cell").count()).toBe(3 * heads.length * 120);
    expect(await page.locator("#circuit-0-attribution-centred .bar").count()).toBe(
      2 + heads.length + mlps.length,
    );
    const linked = await page
      .locator("nav a")
      .evaluateAll((links) =>
        links.map((link) => [
          link.textContent,
          document.querySelector(`${link.getAttribute("href")} > h2`)?.textContent,
        ]),
      );
    const shown = reportParts.filter(({ when }) => when?.(found) ?? true);
    expect(linked).toEqual(shown.map(({ title }) => [title, title]));
    const text = await page.locator("body").innerText();
    for (const expected of [
      `${heads.length} of 36 heads, ${mlps.length} of 6 MLPs`,
      "accuracy, test",
      "KL, validation",
      "parameters, embedding",
      "time a prompt",
      "median of single prompts",
      "What adds to the answer",
      "not comparable: prompts of 5 tokens; this circuit takes 15 tokens",
    ]) {
      expect(text).toContain(expected);
    }
    const total = await page.locator("#circuit-0-attribution figcaption").first().innerText();
    expect(total).toMatch(/All parts together: -?\d+\.\d\d/);
    await page.close();
  });

  test.each(["light", "dark"] as const)(
    "%s: nothing sticks out at 360 pixels, and ids are unique",
    async (scheme) => {
      const other = await gatherReport(given, { threads: 1 });
      const page = await openPage(reportPage([found, other]), { width: 360, scheme });
      const { wide, twice } = await page.evaluate(() => {
        const ids = Array.from(document.querySelectorAll("[id]"), ({ id }) => id);
        const sticksOut = Array.from(document.body.querySelectorAll("*")).filter(
          (element) =>
            !element.closest(".scroll > *") && element.getBoundingClientRect().right > innerWidth + 0.5,
        );
        return {
          wide: sticksOut.map(({ tagName, className }) => `${tagName}.${className}`),
          twice: ids.filter((id, index) => ids.indexOf(id) !== index),
        };
      });
      expect(wide).toEqual([]);
      expect(twice).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
      expect(await page.locator("#compare tbody tr").count()).toBeGreaterThan(10);
      await page.close();
    },
  );

  test("by keyboard: links, folded parts and wide regions can be reached and used", async () => {
    const page = await openPage(reportPage([found]));
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("href"))).toBe("#circuit-0-map");
    const folded = page.locator("summary", { hasText: "Where it comes from" });
    await folded.focus();
    await page.keyboard.press("Enter");
    expect(await page.locator("dl.facts").isVisible()).toBe(true);
    const regions = page.locator(".scroll");
    expect(await regions.count()).toBe(
      await page.locator('.scroll[tabindex="0"][role="region"][aria-label]').count(),
    );
    await page.close();
  });

  test("whatever a task says is text", async () => {
    const attacks = [
      "</title><script>window.hit=1</script>",
      '"><img src=x onerror=window.hit=1>',
      "--></style><svg onload=window.hit=1>",
      "&lt;script&gt;window.hit=1&#x27;",
    ];
    const path = join(place, "<img src=x onerror=hit=1>.jsonl");
    const lines = attacks.map((prompt) => JSON.stringify({ prompt, answers: [" Mary"] }));
    await writeFile(path, lines.join("\n"));
    const task = await readTask(path);
    const report = await gatherReport(given, {
      original: nano,
      task,
      skills: [task],
      prompts: 4,
      threads: 1,
    });
    const page = await openPage(reportPage([report]));
    expect(await page.evaluate(() => "hit" in window)).toBe(false);
    expect(await page.locator("script, img, iframe, object, embed, form").count()).toBe(0);
    expect(
      await page.evaluate(() =>
        Array.from(document.querySelectorAll("*")).some((element) =>
          element.getAttributeNames().some((name) => name.startsWith("on")),
        ),
      ),
    ).toBe(false);
    const shown = await page.locator(".example .prompt").allTextContents();
    expect(shown.toSorted()).toEqual(attacks.toSorted());
    await page.close();
  });
});

describe("pith report", () => {
  test("writes one file, says what it computed, and replaces nothing without --force", async () => {
    const args = ["report", "few", "given", "--task", "few.jsonl", "--prompts", "1", "--threads", "1"];
    const first = await runCli([...args, "--known", "few/circuit.json", "--json"], place);
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    const { file, bytes, circuits } = JSON.parse(first.stdout);
    expect((await readFile(file)).length).toBe(bytes);
    expect(file).toBe(join(place, "circuits-report.html"));
    expect(circuits.map(({ folder }: { folder: string }) => folder)).toEqual([
      join(place, "few"),
      join(place, "given"),
    ]);
    expect(circuits[0].known).toMatchObject({ tpr: 1, fpr: 0, missed: [] });
    expect(circuits[0].examples).toMatchObject({ task: "few", split: "test", examples: 40 });
    expect(circuits[1].attribution.length).toBeGreaterThan(2);
    const before = await readFile(file, "utf8");
    const again = await runCli(args, place);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("circuits-report.html: exists already");
    expect(await readFile(file, "utf8")).toBe(before);
    expect((await runCli([...args, "--force"], place)).code).toBe(0);
    expect((await readdir(place)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  const faults: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["a folder that is none", ["nowhere"], /nowhere: does not exist/],
    ["a folder without a circuit", ["empty"], /empty: the folder has no circuit\.json/],
    ["a lost task", ["few", "--task", "lost.jsonl"], /lost\.jsonl/],
    ["a lost skill", ["few", "--skills", "lost.jsonl"], /lost\.jsonl/],
    [
      "an unknown circuit",
      ["few", "--known", "ioi/99"],
      /ioi\/99.*no such file, and no known circuit of that name/,
    ],
    [
      "a known circuit of a larger model",
      ["few", "--known", "ioi/26"],
      /"--known": the known circuit ioi\/26 is of GPT-2 small/,
    ],
    ["no count", ["few", "--prompts", "0"], /--prompts.*1 to 100/],
    ["a task of another length", ["few", "--task", skill("capitals")], /no prompt has the 15 tokens/],
    ["an output that is a folder", ["few", "--out", "empty", "--force"], /empty: exists, and is not a file/],
  ];

  test("the report lies beside its circuit, from wherever the command is called", async () => {
    const elsewhere = join(place, "elsewhere");
    await mkdir(elsewhere);
    const args = ["report", "../few", "--task", "../few.jsonl", "--prompts", "1", "--threads", "1", "--json"];
    const { stdout } = await runCli(args, elsewhere);
    expect(JSON.parse(stdout).file).toBe(join(place, "few-report.html"));
    expect(await readdir(elsewhere)).toEqual([]);
    await rm(join(place, "few-report.html"));
  });

  test.each(faults)("%s: exit code 2, one message, and no file", async (_, args, message) => {
    await mkdir(join(place, "empty"), { recursive: true });
    const { code, stdout, stderr } = await runCli(["report", ...args, "--threads", "1"], place);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(existsSync(join(place, "few-report.html"))).toBe(false);
  });
});

async function open(directory: string) {
  const folder = await readCircuitFolder(directory);
  const source = await openFileSource(folder.weightsPath);
  const config = JSON.parse(await readFile(join(directory, "config.json"), "utf8"));
  const session = await runtime.loadFile(folder.modelPath);
  return {
    folder,
    session,
    standalone: await readStandalone(source, config, folder.circuit),
    close: async () => {
      await session.unload();
      await source.close();
    },
  };
}

let pages = 0;

/** Opens a page from a file, as a user does; fails on any console message, error or request. */
async function openPage(
  content: string,
  { width = 1280, scheme = "light" }: { readonly width?: number; readonly scheme?: "light" | "dark" } = {},
): Promise<Page> {
  const path = join(place, `page-${pages++}.html`);
  await writeFile(path, content);
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: scheme });
  const faults: string[] = [];
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => faults.push(request.url()));
  const url = pathToFileURL(path).href;
  await page.goto(url, { waitUntil: "networkidle" });
  // The file itself, and the empty icon that it carries.
  expect(faults.filter((fault) => fault !== url && fault !== "data:,")).toEqual([]);
  return page;
}
