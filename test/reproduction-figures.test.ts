/**
 * Figures as a reader meets them: drawn from the published results, well-formed, with every point in them; and
 * in a browser, where no two labels may touch, nothing may be cut off, and the page may ask for nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PAPER_ALPHAS, PAPER_TABLE, PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import { publishedPoints, publishedRoc } from "../src/experiments/published.ts";
import { makeReproduction, type Reproduction } from "../src/experiments/reproduction.ts";
import type { SweepRow } from "../src/experiments/sweep-row.ts";
import { fileTheme } from "../src/report/charts/theme.ts";
import { reproductionFigures } from "../src/report/reproduction/figures.ts";
import { reproductionFiles } from "../src/report/reproduction/files.ts";
import type { RunFacts } from "../src/report/reproduction/page.ts";
import { reproductionTables } from "../src/report/reproduction/tables.ts";
import { reproductionReport } from "../src/report/terminal-reproduce.ts";
import { terminalStyle } from "../src/report/terminal-style.ts";
import { launchChromium } from "./support/chromium.ts";
import { found } from "./support/run-model.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");
const canvas = { document, theme: fileTheme };

/** The published points as if a sweep of ours had found them; heads by the published rates. */
function rowsOf(task: string): readonly SweepRow[] {
  const points = publishedPoints(task);
  return points.map((point, index): SweepRow => {
    const body = (share: number) => ({
      body: share,
      embedding: 39_383_808,
      bias: 0,
      total: share + 39_383_808,
    });
    return {
      ...{ task, seed: Math.floor(index / 30) % 5, ablation: point.ablation, mlps: point.mlps },
      alpha: point.alpha,
      heads: Array.from(
        { length: index % 30 },
        (_, head) => [11 - Math.floor(head / 12), head % 12] as const,
      ),
      mlpsKept: [],
      accuracy: {
        validation: { original: 0.95, circuit: point.accuracy },
        test: { original: 0.94, circuit: point.accuracy * 0.99 },
      },
      kl: { validation: 0.1, test: 0.2 },
      parameters: { original: body(point.originalBody), circuit: body(point.body) },
    };
  });
}

const model = {
  ...{ name: "GPT-2 small", heads: Array<number>(12).fill(12), width: 768 },
  parameters: { body: 84_934_656, embedding: 39_383_808, bias: 121_344, total: 124_439_808 },
};
const rows = PAPER_TASKS.flatMap(rowsOf);
const alphaOf = (task: string) => found(rows.find((row) => row.task === task && row.alpha > 0.05)).alpha;
const choices = PAPER_TABLE.map((choice) => ({ ...choice, alpha: alphaOf(choice.task) }));
const input = {
  ...{ model, tasks: PAPER_TASKS, rows, choices, chosen: [], timings: [] },
  alphas: [...new Set(rows.map(({ alpha }) => alpha))],
  known: new Map(
    PAPER_TASKS.map((task) => [
      task,
      {
        id: `${task}/3`,
        heads: [
          [11, 3],
          [11, 8],
          [9, 9],
        ] as const,
      },
    ]),
  ),
};
const beside = makeReproduction({ ...input, published: true });
const alone = makeReproduction({ ...input, known: new Map(), published: false });
const facts: RunFacts = {
  ...{ version: "0.0.0", command: "pith reproduce --model '<img src=x>'", seeds: [0, 1, 2, 3, 4] },
  ...{
    alphas: PAPER_ALPHAS,
    alphasOf: [],
    evaluations: 791,
    separately: 1260,
    sweepSeconds: 83,
    timingSeconds: 9.5,
  },
  machine: "2 × processor, Node v20, 2 jobs of 1 thread",
  prompts: [{ task: "ioi", patching: 150, validation: 150, test: 150 }],
  notes: ["A note."],
};

const figure = (reproduction: Reproduction, name: string) =>
  found(reproductionFigures(reproduction).find(({ fileName }) => fileName === name));
const svgOf = (markup: string) => found(parseHTML(markup).document.querySelector("svg") ?? undefined);

describe("a figure's file", () => {
  test("the paper's figures by number and task, and the same on unseen prompts", () => {
    expect(reproductionFigures(beside).map(({ fileName }) => fileName)).toEqual([
      ...["figure-2-size-acronyms", "figure-3-accuracy-acronyms", "figure-3-test-accuracy-acronyms"],
      ...["figure-4-size-ioi", "figure-5-accuracy-ioi", "figure-5-test-accuracy-ioi"],
      ...["figure-6-size-greater-than", "figure-7-accuracy-greater-than"],
      ...["figure-7-test-accuracy-greater-than", "figure-8-roc-mean", "figure-9-roc-zero"],
    ]);
  });

  test("size: four lines and four bands a panel, axes with units, a background of its own, one look everywhere", () => {
    const svg = svgOf(figure(beside, "figure-2-size-acronyms").draw(canvas));
    expect(svg.querySelectorAll('[aria-label="line"] path')).toHaveLength(8);
    expect(svg.querySelectorAll('[aria-label="area"] path')).toHaveLength(8);
    // Thirty points a line: a move and 29 lines.
    for (const line of svg.querySelectorAll('[aria-label="line"] path')) {
      expect(line.getAttribute("d")?.match(/[ML]/g)).toHaveLength(30);
    }
    const texts = [...svg.querySelectorAll("text")].map(({ textContent }) => textContent);
    expect(texts).toEqual(
      expect.arrayContaining([
        ...["threshold α (nats of KL)", "body parameters left (%)", "10⁻⁵", "1", "Pith, GPT-2 small"],
        ...["published, GPT-2 small", "mean ablation, heads only", "zero ablation, heads and MLPs"],
      ]),
    );
    expect(svg.getAttribute("viewBox")).toMatch(/^0 0 \d+ \d+$/);
    expect(svg.querySelector("rect")?.getAttribute("fill")).toBe("#ffffff");
    expect(svg.querySelector("title")?.textContent).toContain("acronyms");
    expect(svg.querySelector("desc")?.textContent).toContain("mean over 5 runs");
    expect(svg.querySelectorAll("style, script, image, foreignObject")).toHaveLength(0);
    expect(svg.outerHTML).not.toMatch(/NaN|Infinity|undefined|var\(|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
  });

  test("accuracy: a point for every threshold and setting, one row for ours and one for the published", () => {
    const svg = svgOf(figure(beside, "figure-5-accuracy-ioi").draw(canvas));
    expect(svg.querySelectorAll('[aria-label="dot"] path, [aria-label="dot"] circle')).toHaveLength(
      2 * 4 * 30,
    );
    expect(svg.querySelectorAll('[aria-label="fy-axis tick label"] text')).toHaveLength(2);
    // The published results have no test set.
    const unseen = svgOf(figure(beside, "figure-5-test-accuracy-ioi").draw(canvas));
    expect(unseen.querySelectorAll('[aria-label="dot"] path, [aria-label="dot"] circle')).toHaveLength(
      4 * 30,
    );
    expect(unseen.textContent).toContain("test accuracy (%)");
  });

  test("ROC: areas as computed; where nothing is known, it says so", () => {
    const svg = svgOf(figure(beside, "figure-8-roc-mean").draw(canvas));
    for (const task of PAPER_TASKS) {
      expect(svg.textContent).toContain(`published: AUC ${publishedRoc(task, "mean")?.area.toFixed(2)}`);
    }
    expect(figure(beside, "figure-8-roc-mean").caption).toContain(
      "greater-than, published: 0.850, and 0.758 (of greater-than/8)",
    );
    // Two lists: which is whose is said in the panel, and that they can't be compared in the caption.
    expect(figure(beside, "figure-8-roc-mean").caption).toContain("ioi: ioi/3 here, ioi/23 there");
    for (const list of ["of greater-than/3", "of greater-than/8"]) expect(svg.textContent).toContain(list);
    const empty = figure(alone, "figure-8-roc-mean");
    expect(empty.isEmpty).toBe(true);
    expect(svgOf(empty.draw(canvas)).textContent?.match(/no known circuit/g)?.length).toBeGreaterThanOrEqual(
      3,
    );
    expect(empty.caption).toContain("--known TASK=FILE");
    expect(empty.csv.split("\n")).toHaveLength(2);
  });

  test("one run at one threshold draws, without spread", () => {
    const one = rowsOf("ioi").filter(({ seed, alpha }) => seed === 0 && alpha === alphaOf("ioi"));
    const small = makeReproduction({ ...input, tasks: ["ioi"], rows: one, published: false });
    for (const each of reproductionFigures(small)) {
      const markup = each.draw(canvas);
      expect(markup).not.toMatch(/NaN|Infinity|undefined/);
      expect(svgOf(markup).querySelectorAll("path, circle").length).toBeGreaterThan(0);
    }
  });
});

test("a task that asks for years has a table of their probability, and no other task is in it", () => {
  const withMass = rows.map((row) =>
    row.task === "greater-than" ? { ...row, yearMass: { original: 0.9, circuit: 0.75 } } : row,
  );
  expect(reproductionTables(beside)).toHaveLength(4);
  const tables = reproductionTables(makeReproduction({ ...input, rows: withMass, published: false }));
  expect(tables).toHaveLength(5);
  const { columns, lines } = found(tables.at(-1));
  expect(new Set(lines.map(({ row }) => row.task))).toEqual(new Set(["greater-than"]));
  expect(lines.map(({ row }) => columns.map(({ text }) => text(row)).join(" "))[0]).toMatch(/0\.900.*0\.750/);
});

test("the summary fits a terminal of 80 columns, and a narrow one", () => {
  const timings = rows.flatMap(({ task, mlps, alpha, seed, ablation }) =>
    ablation === "mean" && choices.some((c) => c.task === task && c.mlps === mlps && c.alpha === alpha)
      ? [{ ...{ task, mlps, alpha, seed }, ...timed(seed) }]
      : [],
  );
  const timedRun = makeReproduction({ ...input, timings, published: true });
  const wide = reproductionReport(timedRun, facts, "out", terminalStyle({ width: 80 })).split("\n");
  expect(wide.filter((line) => line.startsWith(" greater-than +MLPs"))).toHaveLength(1);
  expect(Math.max(...wide.map(({ length }) => length))).toBeLessThanOrEqual(80);
  const narrow = reproductionReport(timedRun, facts, "out", terminalStyle({ width: 40 })).split("\n");
  expect(Math.max(...narrow.map(({ length }) => length))).toBeLessThanOrEqual(40);
});

function timed(seed: number) {
  const timing = (median: number) => ({ median, min: median, max: median, runs: 9 });
  return {
    original: timing(10),
    circuit: timing(5 + seed),
    batch: { original: 90, circuit: 45 },
    bytes: { original: 8, circuit: 4 },
  };
}

describe("in a browser", () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), "pith-figures-"));
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("figures are XML; no two labels touch, and none leaves the picture", async () => {
    const page = await browser.newPage();
    for (const [name, text] of [beside, alone].flatMap((each) => [
      ...reproductionFiles(each, facts, document),
    ])) {
      if (!name.endsWith(".svg")) continue;
      // A file that is no XML shows an error instead, and has no such root.
      writeFileSync(join(folder, name), text);
      await page.goto(`file://${join(folder, name)}`);
      const faults = await page.evaluate(() => {
        const root = document.documentElement;
        if (root.tagName !== "svg") return [`root ${root.tagName}`];
        const frame = root.getBoundingClientRect();
        const texts = [...root.querySelectorAll("text")].filter((text) => text.textContent !== "");
        const boxes = texts.map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
        const out = boxes.filter(
          ({ box }) =>
            box.left < frame.left ||
            box.right > frame.right ||
            box.top < frame.top ||
            box.bottom > frame.bottom,
        );
        // A label is told from the next one by the space between them.
        const meet = (a: DOMRect, b: DOMRect, beside: number, above: number) =>
          a.left - beside < b.right &&
          b.left - beside < a.right &&
          a.top - above < b.bottom &&
          b.top - above < a.bottom;
        const touching = boxes.flatMap((a, index) =>
          boxes
            .slice(index + 1)
            .filter(
              (b) =>
                meet(a.box, b.box, 0, 0) ||
                meet(a.box, b.box, 8, -4) ||
                (`${a.text}${b.text}`.match(/^(0100|1000)$/) && meet(a.box, b.box, 0, 12)),
            )
            .map((b) => `${a.text} on ${b.text}`),
        );
        const marks = [...root.querySelectorAll('[aria-label="dot"] > *, [aria-label="rule"] > *')];
        const rowNames = [...root.querySelectorAll('[aria-label="fy-axis tick label"] text')];
        const marked = rowNames.filter((name) =>
          marks.some((mark) => meet(name.getBoundingClientRect(), mark.getBoundingClientRect(), 3, 0)),
        );
        return [
          ...out.map(({ text }) => `${text} is cut off`),
          ...touching,
          ...marked.map((name) => `${name.textContent} on a mark`),
        ];
      });
      expect({ name, faults }).toEqual({ name, faults: [] });
    }
    await page.close();
  });

  test.each([1280, 400])(
    "the page at %i pixels: no error, no request, nothing wider than the window",
    async (width) => {
      const path = join(folder, `report-${width}.html`);
      writeFileSync(path, found(reproductionFiles(beside, facts, document).get("report.html")));
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      const heard: string[] = [];
      page.on("console", (message) => heard.push(message.text()));
      page.on("pageerror", (error) => heard.push(error.message));
      page.on("request", (request) => heard.push(request.url()));
      await page.goto(`file://${path}`);
      expect(heard.filter((each) => each !== `file://${path}` && !each.startsWith("data:"))).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(await page.locator("svg[role=img]").count()).toBe(11);
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.locator("tbody tr").count()).toBe(12 + 12 + 6 + 6);
      await page.close();
    },
  );
});
