/**
 * The studio in a real browser, as a person goes through it: start, watch, reload, pause, understand, compare,
 * leave; by pointer and by keys; and what must hold on every page: no fault on the console, no request beyond
 * the studio's own server, nothing that axe has to say, in light and dark, wide and narrow.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync, strFromU8, unzipSync } from "fflate";
import type { Browser, BrowserContext, Page, Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { packagePath } from "../src/files/package-files.ts";
import { loadCircuit } from "../src/index.ts";
import type {
  KnockResult,
  PatternsResult,
  RunCurve,
  RunDetail,
  RunSummary,
  ServerPrediction,
  TokenProbability,
} from "../src/server/api.ts";
import { circuitOf, countComponents, listsOf } from "../src/transformer/circuit.ts";
import { launchChromium } from "./support/chromium.ts";
import { fewPrompts } from "./support/few-prompts.ts";
import { serveFolder } from "./support/static-site.ts";
import { type OpenStudio, openStudio } from "./support/studio-client.ts";
import { decisionsOf, serveSyntheticRun } from "./support/synthetic-run.ts";

/** What a run's circuit keeps, as a knock-out is asked for. */
const keptLists = (circuit: RunDetail["circuit"]) => listsOf(circuit?.kept ?? circuitOf([]));

let studio: OpenStudio;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What went wrong on any page, and every address that was asked. */
const faults: string[] = [];
const asked = new Set<string>();

beforeAll(async () => {
  [studio, browser] = await Promise.all([openStudio({ threads: 1 }), launchChromium()]);
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  context.on("console", (message) => {
    if (message.type() === "error") faults.push(`${message.text()} ${message.location().url}`);
  });
  context.on("weberror", (error) => faults.push(String(error.error())));
  context.on("request", (request) => asked.add(new URL(request.url()).origin));
  page = await context.newPage();
  await page.goto(studio.studio.url);
});
afterAll(async () => {
  await browser?.close();
  await studio?.close();
});

const to = (hash: string) => page.goto(`${studio.origin}/${hash}`);
const startButton = () => page.getByRole("button", { name: /^Start the/ });
const decided = () => page.locator('.map .component:is([data-state="kept"], [data-state="pruned"])').count();
const stateIs = (state: string) => page.locator(".controls .state", { hasText: state }).waitFor();

/** Twenty prompts of each split: enough to search, and soon done. */
const smallTask = () => fewPrompts(20);

/** On one thread a search over so many takes seconds, in which a person can look on and press a button. */
async function longTask(): Promise<string> {
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  const deciding = lines.filter((line) => line.includes('"validation"'));
  return [...lines, ...deciding, ...deciding].join("\n");
}

const axe = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const axeRules = {
  light: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  // The page is the same but for its colours, and these are the rules that look at colours.
  dark: { type: "rule", values: ["color-contrast", "link-in-text-block"] },
} as const;

async function expectAxeToPass(): Promise<void> {
  if (await page.evaluate("globalThis.axe === undefined")) await page.evaluate(await axe);
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const violations = await page.evaluate<string[]>(
      `axe.run(document, { runOnly: ${JSON.stringify(axeRules[scheme])} })
        .then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html + " " + node.failureSummary).slice(0, 3).join(" | ")))`,
    );
    expect(violations, `${scheme}, ${page.url()}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
}

/** Nothing is wider than a narrow telephone. */
async function expectToFitNarrow(): Promise<void> {
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth), page.url()).toBeLessThanOrEqual(
    360,
  );
  await page.setViewportSize({ width: 1280, height: 860 });
}

describe("the start", () => {
  it("shows a built-in task's prompts as the model sees them, and what the search will take", async () => {
    await page.locator(".samples .token", { hasText: "·gave" }).first().waitFor();
    await page.locator(".start-card dd", { hasText: "about" }).first().waitFor();
    expect(await page.locator(".start-card").innerText()).toContain("42");
    await expectAxeToPass();
    await expectToFitNarrow();
  });

  it("checks own examples line by line as they are typed, and leads to the line", async () => {
    await page.getByRole("radio", { name: /Your own/ }).check();
    const editor = page.getByRole("textbox", { name: "Examples, one a line" });
    const lines = (await smallTask()).split("\n");
    await editor.fill([...lines.slice(0, 2), '{"prompt": 3}', ...lines.slice(2)].join("\n"));
    await page.locator(".fault-line", { hasText: "Line 3" }).waitFor();
    expect(await page.locator(".gutter .bad").innerText()).toContain("3");
    expect(await page.getByRole("button", { name: "Start the search" }).isDisabled()).toBe(true);
    await expectAxeToPass();
    await page.getByRole("button", { name: "Line 3" }).click();
    expect(await page.evaluate("getSelection().toString()")).toBe('{"prompt": 3}');
    await page.keyboard.press("Delete");
    await editor.fill(lines.join("\n"));
    await page.getByText("No faults.").waitFor();
    expect(await page.locator(".samples").innerText()).toContain("20 decide what goes");
  });

  it("asks the original first, and starts nothing that it can't do unless that is allowed", async () => {
    const editor = page.getByRole("textbox", { name: "Examples, one a line" });
    const card = page.locator(".preflight[aria-busy=false]");
    await card.locator("dd", { hasText: "20 to average, 20 to decide, 20 unseen" }).waitFor();
    expect(await card.locator("dd").first().innerText()).toMatch(
      /^100\.0\s% of 40 prompts \(95 % interval: \d\d\.\d\s% to 100\.0\s%\)$/,
    );
    expect(await card.locator("[data-severity]").count()).toBe(0);
    // Answers without their space.
    const text = (await smallTask()).replaceAll('[" ', '["');
    await editor.fill(text);
    await card.locator("[data-severity=refusal]").waitFor();
    await page.getByText("The original does not do this task").waitFor();
    expect(await startButton().isDisabled()).toBe(true);
    await expectAxeToPass();
    await expectToFitNarrow();
    await page.getByRole("checkbox", { name: /Search all the same/ }).check();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    await page.locator("summary", { hasText: "More options" }).click();
    const strict = page.getByRole("checkbox", { name: /Start nothing while there are warnings/ });
    await strict.check();
    await page.getByText("There are warnings, and nothing is to start").waitFor();
    expect(await startButton().isDisabled()).toBe(true);
    await strict.uncheck();
    await page.getByRole("radio", { name: /all heads of a layer/ }).check();
    await page.locator(".start-card dd", { hasText: /^12$/ }).waitFor();
    await page.getByRole("checkbox", { name: /Bound the memory/ }).check();
    await page.getByRole("textbox", { name: "Memory of the studio, GB" }).fill("0");
    await page.getByText("A number above 0, as 4.").waitFor();
    await expect.poll(() => page.locator(".stale").count()).toBe(0);
    await expectAxeToPass();
    await expectToFitNarrow();
    await page.getByRole("checkbox", { name: /Bound the memory/ }).uncheck();
    await page.getByRole("radio", { name: /each head, each MLP/ }).check();
    // What was allowed of one task is not allowed of the next.
    await editor.fill(text.split("\n").slice(1).join("\n"));
    await expect
      .poll(() => page.getByRole("checkbox", { name: /Search all the same/ }).isChecked())
      .toBe(false);
    await editor.fill(await smallTask());
    await card.locator("dd", { hasText: "20 to average, 20 to decide, 20 unseen" }).waitFor();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    await page.locator("summary", { hasText: "More options" }).click();
  });

  it("does not call a task sound that the server refuses", async () => {
    const name = page.getByRole("textbox", { name: "Name" });
    const known = faults.length;
    await name.fill("a/b");
    await page.locator(".notice-bad", { hasText: "must be a name" }).waitFor();
    expect(await page.getByText("No faults.").count()).toBe(0);
    expect(await startButton().isDisabled()).toBe(true);
    await name.fill("my task");
    await page.getByText("No faults.").waitFor();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    // The browser itself writes of an answer that is none.
    expect(faults.splice(known).filter((text) => !text.includes("400 (Bad Request)"))).toEqual([]);
  });

  it("keeps a number that is none as it was typed, says so, and does not start with another", async () => {
    const alpha = page.getByRole("textbox", { name: "Threshold α" });
    for (const wrong of ["0,02", "", "-1"]) {
      await alpha.fill(wrong);
      await page.getByText("A number above 0").waitFor();
      expect(await alpha.inputValue()).toBe(wrong);
      expect(await alpha.getAttribute("aria-invalid")).toBe("true");
      expect(await startButton().isDisabled()).toBe(true);
    }
    await expectAxeToPass();
    await page.getByRole("slider").press("ArrowRight");
    await expect.poll(() => alpha.inputValue()).toBe("0.025");
    await alpha.fill("0.02");
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    await page.getByRole("radio", { name: /A sweep/ }).check();
    await page.getByRole("textbox", { name: "thresholds" }).fill("1.5");
    await page.getByText("A whole number from 1 to 200").waitFor();
    await page.getByText("Mend the number that is marked first.").waitFor();
    await page.getByRole("textbox", { name: "thresholds" }).fill("7");
    await page.locator(".start-card", { hasText: "7 searches" }).getByText("at most").waitFor();
    await expectToFitNarrow();
    await page.getByRole("radio", { name: /One circuit/ }).check();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
  });

  it("starts no model but the one that is shown", async () => {
    await page.getByRole("radio", { name: /Another/ }).check();
    await page.getByText("Open a model first.").waitFor();
    expect(await startButton().isDisabled()).toBe(true);
    const name = page.getByRole("textbox", { name: "Folder, GGUF file or hub name" });
    await name.fill(packagePath("models/nano"));
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.locator(".opened").waitFor();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    await name.fill(packagePath("models/nan"));
    expect(await page.locator(".opened").count()).toBe(0);
    expect(await startButton().isDisabled()).toBe(true);
    // An answer that comes after another choice.
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const come = page.waitForRequest("**/api/models");
    await page.route("**/api/models", async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    });
    await name.fill(packagePath("models/nano"));
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await come;
    const models: unknown[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/api/tasks")) models.push(request.postDataJSON().model);
    });
    await page.getByRole("radio", { name: /nano/ }).check();
    answer();
    await expect.poll(() => startButton().isEnabled()).toBe(true);
    await page.waitForTimeout(500);
    expect(await page.getByText("Opening the model…").count()).toBe(0);
    expect(models.length).toBeGreaterThan(0);
    expect(new Set(models)).toEqual(new Set([""]));
    await page.unroute("**/api/models");
  });
});

describe("a run", () => {
  let id: string;

  it("starts by the keyboard, draws its map as it goes, and is the same after a reload", async () => {
    const start = page.getByRole("button", { name: "Start the search" });
    await page.getByRole("textbox", { name: "Examples, one a line" }).fill(await longTask());
    await page.locator(".samples", { hasText: "450 decide what goes" }).waitFor();
    await page.locator(".start-card .primary:enabled").waitFor();
    await start.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/runs\/\w+$/);
    id = page.url().split("/").at(-1) ?? "";
    await page.locator('.map .component[data-state="trial"]').waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".map .component[data-bin]").length >= 3);
    await page.getByRole("button", { name: "Pause" }).click();
    await stateIs("Paused");
    const before = await page.locator(".map .component").evaluateAll(states);
    const tried = (await studio.get<RunDetail>(`/api/runs/${id}`)).decisions.length;
    expect(await decided()).toBe(tried);
    await page.reload();
    await stateIs("Paused");
    await page.waitForFunction(() => document.querySelectorAll(".map .component[data-bin]").length >= 3);
    expect(await page.locator(".map .component").evaluateAll(states)).toEqual(before);
    // Nothing is known of a run whose server is gone, and nothing can be done to it.
    const known = faults.length;
    await context.setOffline(true);
    await page.locator(".gone").waitFor();
    await stateIs("Not known: paused when last heard of");
    expect(await page.getByRole("button", { name: "Resume" }).isDisabled()).toBe(true);
    expect(await page.getByRole("button", { name: "Cancel" }).isDisabled()).toBe(true);
    await context.setOffline(false);
    await page.locator(".gone").waitFor({ state: "detached" });
    expect(faults.splice(known).filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
    await page.getByRole("button", { name: "Resume" }).click();
    // In mid-run, if the machine is not too quick for that; the end must be the same.
    await page.reload();
    await stateIs("Done");
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    expect(await page.locator('.map .component[data-state="kept"]').count()).toBe(
      circuit === undefined ? 0 : countComponents(circuit.kept),
    );
    expect(await decided()).toBe(42);
    // What came out stands where it is said that it is done.
    const figures = page.locator(".watch-side .figures");
    await figures.getByText("Accuracy, unseen prompts").waitFor();
    expect(await figures.innerText()).toMatch(
      /Parameters\s+−\d+\.\d %[\s\S]+Size of the weights\s+\d+\.\d+ MB/,
    );
    await expectAxeToPass();
    await expectToFitNarrow();
  });

  it("says by the arrow keys what each component of its map cost", async () => {
    await page.locator(".map .component").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("head 4.1");
    expect(await page.locator(".readout").innerText()).toMatch(
      /^head 4\.1 (kept|pruned): replacing it changes/,
    );
    await page.keyboard.press("End");
    await page.locator(".readout", { hasText: "MLP 4" }).waitFor();
    // One stop in the tab order, and it is where one was.
    expect(await page.locator('.map .component[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe("MLP 4");
  });

  it("that failed is resumed from its page, which then follows it again", async () => {
    let resumed = false;
    await page.route(`**/api/runs/${id}`, async (route) => {
      const response = await route.fetch();
      const detail: RunDetail = await response.json();
      const error = { code: "runtime", message: "out of memory" };
      await route.fulfill({ response, json: resumed ? detail : { ...detail, state: "failed", error } });
    });
    await page.route(`**/api/runs/${id}/resume`, async (route) => {
      resumed = true;
      await route.fulfill({ json: {} });
    });
    await page.reload();
    await stateIs("Failed");
    await page.locator(".notice-bad", { hasText: "out of memory" }).waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await stateIs("Done");
    expect(await page.locator(".notice-bad").count()).toBe(0);
    await page.unroute(`**/api/runs/${id}`);
    await page.unroute(`**/api/runs/${id}/resume`);
  });

  it("waits behind another, and is cancelled", async () => {
    const options = (await studio.get<RunDetail>(`/api/runs/${id}`)).request.options;
    const task = { kind: "text", name: "ioi", format: "jsonl", text: await longTask() };
    const request = { kind: "extract", model: "", task, options };
    const first = await studio.post<RunSummary>("/api/runs", request);
    const second = await studio.post<RunSummary>("/api/runs", request);
    await to(`#/runs/${second.id}`);
    await stateIs("Queued");
    await page.getByRole("heading", { name: "Also in the queue" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await stateIs("Cancelled");
    await page.getByRole("link", { name: /nano on ioi/ }).click();
    await page.waitForURL(new RegExp(first.id));
    await page.getByRole("button", { name: "Cancel" }).click();
    await stateIs("Cancelled");
    expect((await studio.get<RunDetail>(`/api/runs/${first.id}`)).state).toBe("cancelled");
  });

  it("a sample that comes late is asked, and leaves alone what somebody has begun to type", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/api/tasks", async (route) => {
      await held;
      await route.continue();
    });
    await to(`#/runs/${id}/understand`);
    const box = page.getByRole("textbox", { name: "Prompt" });
    await box.focus();
    await page.keyboard.type("Then, ");
    answer();
    await page.locator('[data-side="original"][aria-busy="false"] tbody tr').nth(9).waitFor();
    await page.keyboard.type("Alice");
    expect(await box.inputValue()).toBe("Then, Alice");
    await page.unroute("**/api/tasks");
    await to("#/runs");
  });

  it("answers a prompt on both sides, the circuit in this browser", async () => {
    await to(`#/runs/${id}/understand`);
    const prompt = "Then, Alice and Michael went to the market. Alice gave a snack to";
    await page.getByRole("textbox", { name: "Prompt" }).fill(prompt);
    await page.keyboard.press("Enter");
    const side = (name: string) => page.locator(`[data-side="${name}"][aria-busy="false"] tbody tr`);
    await side("original").nth(9).waitFor();
    await side("circuit").nth(9).waitFor();
    const original = await studio.post<ServerPrediction>(`/api/runs/${id}/predict`, { prompt });
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    // What the patched model on the server says of the same circuit is what the shipped one says here.
    const patched = await studio.post<ServerPrediction>(`/api/runs/${id}/knock`, {
      ...{ prompt, ...keptLists(circuit) },
    });
    await page.waitForFunction(
      (text) => document.querySelector('[data-side="circuit"] tbody .token')?.textContent === text,
      patched.top[0]?.text.replace(" ", "·"),
    );
    for (const [name, { top }] of [
      ["original", original],
      ["circuit", patched],
    ] as const) {
      expect(await side(name).locator(".token").first().innerText()).toBe(top[0]?.text.replace(" ", "·"));
      const shown = Number.parseFloat(await side(name).locator(".number").first().innerText());
      expect(Math.abs(shown - 100 * (top[0]?.probability ?? 0))).toBeLessThan(0.11);
    }
    expect(await page.locator('[data-side="circuit"]').innerText()).toMatch(/in this browser, Web/);
  });

  it("refuses a prompt that the circuit does not take before it asks anybody, and once", async () => {
    const input = page.getByRole("textbox", { name: "Prompt" });
    const posts: string[] = [];
    const note = (request: Request) => {
      if (request.method() === "POST") posts.push(new URL(request.url()).pathname.split("/").at(-1) ?? "");
    };
    page.on("request", note);
    await input.fill("Alice and Michael");
    await page.keyboard.press("Enter");
    const notice = page.locator("#prompt-wrong .notice");
    await notice.waitFor();
    expect(await notice.innerText()).toMatch(/^This prompt has 3 tokens; the circuit takes exactly 15\./);
    expect(await page.locator(".notice-bad").count()).toBe(1);
    expect(await input.getAttribute("aria-invalid")).toBe("true");
    expect(await page.locator("main").innerText()).not.toContain("--means");
    await expectAxeToPass();
    await expectToFitNarrow();
    await input.fill("word ".repeat(8000));
    await page.getByText("40,000 characters are too long").waitFor();
    expect(await page.getByRole("button", { name: "Ask", exact: true }).isDisabled()).toBe(true);
    await page.keyboard.press("Enter");
    await input.fill("Alice and Michael");
    await page.keyboard.press("Enter");
    await notice.waitFor();
    expect(posts).toEqual([]);
    await input.fill("Then, Max and John went to the garden. Max gave a kiss to");
    await page.keyboard.press("Enter");
    await notice.waitFor({ state: "detached" });
    await page.locator('[data-side="knock"][aria-busy="false"] .effect').waitFor();
    await expect.poll(() => [...posts].sort()).toEqual(["attribution", "knock", "patterns", "predict"]);
    page.off("request", note);
  });

  it("computes in the browser every logit that the engine computes here, within 1e-3", async () => {
    const prompt = "Then, Alice and Michael went to the market. Alice gave a snack to";
    const manifest = JSON.parse(await readFile(packagePath("dist/web/manifest.json"), "utf8"));
    // The very code that the page runs, on the folder as the studio serves it.
    const here = await page.evaluate<readonly TokenProbability[]>(`(async () => {
      const { openCircuit } = await import("/${manifest["inference/open-circuit.ts"].file}");
      const circuit = await openCircuit("/api/runs/${id}/files/");
      const { top } = await circuit.predict(${JSON.stringify(prompt)}, 1e9);
      await circuit.close();
      return top;
    })()`);
    const logits = new Map(here.map(({ id, logit }) => [id, logit]));
    const gaps = (there: readonly { readonly id: number; readonly logit: number }[]) =>
      there.map(({ id, logit }) => Math.abs(logit - (logits.get(id) ?? Number.NaN)));
    const shipped = await loadCircuit(join(studio.dataFolder, "runs", id, "circuit"), { threads: 1 });
    const there = await shipped.predict(prompt, 1e9);
    await shipped.close();
    expect(there).toHaveLength(here.length);
    expect(Math.max(...gaps(there))).toBeLessThan(1e-3);
    // And the ten that the server gives of the patched model.
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { top } = await studio.post<KnockResult>(`/api/runs/${id}/knock`, {
      ...{ prompt, ...keptLists(circuit) },
    });
    expect(top).toHaveLength(10);
    expect(Math.max(...gaps(top))).toBeLessThan(1e-3);
  });

  it("changes its answer when a component is taken out by a key, and back when it is put back", async () => {
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const out = page.getByRole("button", { name: "MLP 0" });
    expect(keptLists(circuit).mlps).toContain(0);
    const answer = () => page.locator('[data-side="knock"][aria-busy="false"] .effect').innerText();
    const whole = await answer();
    await page.locator(".map-live .component").first().focus();
    await page.keyboard.press("End");
    for (let layer = 5; layer > 0; layer--) await page.keyboard.press("ArrowDown");
    expect(await out.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.press("Space");
    await page.getByRole("heading", { name: "The answer now" }).waitFor();
    expect(await out.getAttribute("aria-pressed")).toBe("false");
    expect(await answer()).toContain("→");
    // What its parts add is then of those that are in.
    const part = page.locator(".attribution th", { hasText: /^MLP 0$/ });
    await part.waitFor({ state: "detached" });
    await page.locator(".changed-note").nth(1).waitFor();
    await page.getByRole("button", { name: "Back to the circuit" }).click();
    await part.waitFor();
    expect(await page.locator(".changed-note").count()).toBe(0);
    await page.getByRole("heading", { name: "The circuit's answer" }).waitFor();
    expect(await out.getAttribute("aria-pressed")).toBe("true");
    expect(await answer()).toBe(whole);
  });

  it("shows attention, attribution and disagreements, and passes the checker with all of them", async () => {
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    expect(await page.locator(".chip").count()).toBe(keptLists(circuit).heads.length);
    const first = page.locator(".chip").first();
    await first.click();
    const name = await first.innerText();
    expect(await page.locator("#attention title").first().textContent()).toBe(`Attention of head ${name}`);
    // Sixteen tokens at most; the triangle's cells, one each.
    expect(await page.locator("#attention rect.cell").count()).toBe((15 * 16) / 2);
    expect(await page.locator(".attribution tr").count()).toBeGreaterThan(keptLists(circuit).heads.length);
    await page.locator("#disagree-title ~ *:not(.loading)").first().waitFor();
    await expectAxeToPass();
    await expectToFitNarrow();
  });

  it("shows a long prompt whole, and says which part of it a picture shows", async () => {
    const input = page.locator("#prompt");
    const before = await input.inputValue();
    await input.fill("Then, Max and John went to the garden. ".repeat(12));
    expect(
      await input.evaluate((box) => [box.scrollHeight <= box.clientHeight, box.clientHeight > 80]),
    ).toEqual([...[true, true]]);
    await input.fill(before);
    const tokens = Array.from({ length: 45 }, (_, at) => ` t${at}`);
    const pattern = tokens.map((_, query) => tokens.map((_, key) => (key <= query ? 1 / (query + 1) : 0)));
    await page.route("**/patterns", (route) =>
      route.fulfill({ json: { tokens, heads: [{ layer: 0, head: 0, pattern }] } satisfies PatternsResult }),
    );
    await page.reload();
    await page.getByText("The picture shows the last 40 of the prompt's 45 tokens.").waitFor();
    expect(await page.locator("#attention desc").textContent()).toMatch(/^The last 40 of 45 tokens/);
    await expectToFitNarrow();
    await page.unroute("**/patterns");
  });

  it("ends where its content ends, however many prompts the two disagree on", async () => {
    await page.route("**/examples", async (route) => {
      const response = await route.fetch();
      const one = { prompt: "Then, Max and John", answers: [" Max"], original: " Max", circuit: " John" };
      const json = { ...(await response.json()), disagreements: Array.from({ length: 90 }, () => one) };
      await route.fulfill({ response, json });
    });
    await page.reload();
    await page.locator(".tall tbody tr").nth(89).waitFor();
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 860 });
      const blank = await page.evaluate<number>(
        "document.documentElement.scrollHeight - scrollY - document.querySelector('main').getBoundingClientRect().bottom",
      );
      expect(blank).toBeLessThan(2);
    }
    await expectToFitNarrow();
    await page.unroute("**/examples");
  });

  it("is taken away as a zip that holds the circuit", async () => {
    await to(`#/runs/${id}/take`);
    await page.getByRole("link", { name: "Download the folder" }).waitFor();
    await expectAxeToPass();
    await expectToFitNarrow();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download the folder" }).click(),
    ]);
    const files = unzipSync(await readFile(await download.path()));
    const text = Object.entries(files).find(([name]) => name.endsWith("circuit.json"))?.[1];
    expect(parseCircuitFile(JSON.parse(strFromU8(text ?? new Uint8Array()))).kept).toEqual(
      (await studio.get<RunDetail>(`/api/runs/${id}`)).circuit?.kept,
    );
  });

  it("is shared as a site that any web host serves, and answers there with no studio", async () => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download the site" }).click(),
    ]);
    const folder = await mkdtemp(join(tmpdir(), "pith-site-"));
    const files = Object.entries(unzipSync(await readFile(await download.path())));
    for (const [name, bytes] of files) {
      const path = join(folder, name);
      await mkdir(dirname(path), { recursive: true });
      if (!name.endsWith("/")) await writeFile(path, bytes);
    }
    const [root = ""] = await readdir(folder);
    const host = await serveFolder(join(folder, root), "/~someone/circuit/");
    // A visitor of their own: no cookie of the studio's.
    const visitor = await browser.newContext();
    const wrong: string[] = [];
    visitor.on("console", (message) => {
      if (message.type() === "error") wrong.push(message.text());
    });
    visitor.on("weberror", (error) => wrong.push(String(error.error())));
    visitor.on("request", (request) => {
      if (!request.url().startsWith(host.url)) wrong.push(request.url());
    });
    const site = await visitor.newPage();
    await site.goto(host.url);
    const prompt = "Then, Alice and Michael went to the market. Alice gave a snack to";
    await site.locator("#prompt").fill(prompt);
    await site.locator("#prompt").press("Enter");
    const rows = site.locator(".share-answer[aria-busy=false] .bars tbody tr");
    await rows.nth(9).waitFor();
    const { circuit } = await studio.get<RunDetail>(`/api/runs/${id}`);
    const { top } = await studio.post<KnockResult>(`/api/runs/${id}/knock`, {
      ...{ prompt, ...keptLists(circuit) },
    });
    expect(await rows.first().locator(".token").innerText()).toBe(top[0]?.text.replace(" ", "·"));
    const shown = Number.parseFloat(await rows.first().locator(".number").innerText());
    expect(Math.abs(shown - 100 * (top[0]?.probability ?? 0))).toBeLessThan(0.11);
    expect(wrong).toEqual([]);
    expect(host.missing.filter((path) => !path.endsWith("favicon.ico"))).toEqual([]);
    await visitor.close();
    await host.close();
    await rm(folder, { recursive: true });
  });

  it("is among the runs, also when the server is gone for a while", async () => {
    await to("#/runs");
    await page.locator(".run").nth(2).waitFor();
    // What tells runs of one name apart.
    await page.locator(".run", { hasText: "α = 0.02" }).getByText("right (unseen)").first().waitFor();
    await expectAxeToPass();
    await expectToFitNarrow();
    const known = faults.length;
    await context.setOffline(true);
    await page.locator(".gone").waitFor();
    await expectAxeToPass();
    await context.setOffline(false);
    await page.locator(".gone").waitFor({ state: "detached" });
    // The browser itself writes of each request that failed: these alone.
    expect(faults.splice(known).filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
  });
});

describe("a page that is gone to", () => {
  it("takes the focus with its content, and leaves it to what is focused after that", async () => {
    await to("#/runs");
    await page.getByRole("heading", { name: "Runs", exact: true }).waitFor();
    const focused = await page.evaluate(`new Promise((resolve) => {
      const main = document.querySelector("#content");
      // Called right after the change that puts the next page into the document.
      new MutationObserver((_, observer) => {
        const control = main.querySelector("input, textarea");
        if (control === null) return;
        observer.disconnect();
        const atOnce = document.activeElement.id;
        control.focus();
        const later = () => resolve([atOnce, document.activeElement === control]);
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(later, 100)));
      }).observe(main, { childList: true, subtree: true });
      location.hash = "#/";
    })`);
    expect(focused).toEqual(["content", true]);
  });
});

describe("a sweep", () => {
  it("shows what size costs, and extracts the circuit of a point", async () => {
    const task = { kind: "text", name: "small ioi", format: "jsonl", text: await smallTask() };
    const options = {
      alpha: 0.02,
      ablation: "mean",
      mlps: true,
      means: "aligned",
      order: "published",
      seed: 0,
    };
    const { id } = await studio.post<RunSummary>("/api/runs", {
      ...{ kind: "sweep", model: "", task, options },
      ...{ alphas: [0.01, 0.1, 1], ablations: ["mean"], mlps: [true], seeds: [0] },
    });
    await to(`#/runs/${id}`);
    await page.getByRole("link", { name: "Compare its circuits" }).click();
    const points = page.locator(".chart").first().locator("[data-point]");
    await points.first().waitFor();
    expect(await points.count()).toBe(3);
    const { rows } = await studio.get<RunDetail>(`/api/runs/${id}`);
    // Pointed at, a circuit says its values; by keys as well.
    const values = page.locator(".chart").first().locator(".chart-values");
    await points.nth(2).hover();
    const largest = rows?.find(({ alpha }) => alpha === 1);
    const left = (100 * (largest?.parameters.circuit.body ?? 0)) / (largest?.parameters.original.body ?? 1);
    expect(await values.innerText()).toBe(
      `α = 1, averages: threshold α, nats 1; attention and MLP weights left, % ${Number(left.toPrecision(3))}`,
    );
    await page.mouse.move(0, 0);
    await values.getByText("Point at a circuit for its values.").waitFor();
    const right = rows?.filter(({ accuracy }) => (accuracy.test?.circuit ?? 0) >= 0.99) ?? [];
    const sizes = right.map(({ parameters }) => parameters.circuit.body);
    const smallest = right.find(({ parameters }) => parameters.circuit.body === Math.min(...sizes));
    expect(await page.locator(".smallest").innerText()).toContain(
      smallest === undefined
        ? "No circuit of this sweep"
        : `unseen prompts is α = ${smallest.alpha}, averages`,
    );
    await points.first().focus();
    await page.keyboard.press("ArrowRight");
    await page.getByRole("heading", { name: "α = 0.1, averages" }).waitFor();
    expect(await values.innerText()).toMatch(/^α = 0\.1, averages: /);
    const row = rows?.find(({ alpha }) => alpha === 0.1);
    expect(await page.locator('.picked .component[data-state="kept"]').count()).toBe(
      (row?.heads.length ?? 0) + (row?.mlpsKept.length ?? 0),
    );
    expect(await page.locator(".picked").innerText()).toContain("nats, unseen prompts");
    await page.getByText("no known circuit fits this model").waitFor();
    await page.locator("summary", { hasText: "All circuits" }).click();
    await expectAxeToPass();
    await expectToFitNarrow();
    // No learned run of this task is done yet; where one is, its curve stands beside the points.
    const bySize = page.locator(".chart", { hasText: "KL against size" });
    expect(await bySize.locator("[data-point]").count()).toBe(3);
    await page.getByRole("button", { name: "Learn a curve" }).waitFor();
    const cut = (size: number) => ({
      ...{ size, heads: 3, mlps: 2, neurons: 40, accuracy: { validation: 1, test: 1 } },
      kl: { validation: 0.03 / size, test: size === 1 ? 0 : 0.02 / size },
    });
    const drawn: RunCurve = {
      ...{ id: "other", seed: 0, ablation: "mean", circuit: { size: 0.2, kl: 0.1 } },
      points: [0.02, 0.1, 1].map(cut),
    };
    await page.route(`**/api/runs/${id}/curves`, (route) => route.fulfill({ json: [drawn] }));
    await page.reload();
    // The whole model's KL is 0, which has no place on the axis.
    const squares = bySize.locator("svg[role=group] .chart-curve rect");
    await squares.nth(1).waitFor();
    expect(await squares.count()).toBe(2);
    await squares.nth(1).hover();
    expect(await bySize.locator(".chart-values").innerText()).toBe(
      "learned: 3 heads, 2 MLPs in part, 40 neurons: attention and MLP weights left, % 10; KL from the original, unseen prompts, nats 0.2",
    );
    await page.locator("summary", { hasText: "The cuts of one learned ranking" }).click();
    await expectAxeToPass();
    await expectToFitNarrow();
    await page.unroute(`**/api/runs/${id}/curves`);
    // Nano has no known circuit: where one fits, the rows hold how much of it was found.
    const rates = (index: number) => ({ id: "ioi/23", tpr: 0.9 - index / 5, fpr: 0.4 - index / 10 });
    await page.route(`**/api/runs/${id}`, async (route) => {
      const response = await route.fetch();
      const detail: RunDetail = await response.json();
      const json = {
        ...detail,
        rows: detail.rows?.map((each, index) => ({ ...each, known: rates(index) })),
      };
      await route.fulfill({ response, json });
    });
    await page.reload();
    const roc = page.locator(".chart", { hasText: "ROC" }).locator("[data-point]");
    await roc.nth(2).waitFor();
    expect(await roc.nth(1).getAttribute("aria-label")).toContain("α = 0.1, averages: 30, 70");
    await roc.nth(1).click();
    await page.getByRole("heading", { name: "α = 0.1, averages" }).waitFor();
    await expectAxeToPass();
    await page.unroute(`**/api/runs/${id}`);
    await page.getByRole("link", { name: "Take away" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download the folder" }).click(),
    ]);
    const names = Object.keys(unzipSync(await readFile(await download.path())));
    expect(names.filter((name) => /sweep\.(csv|jsonl)$/.test(name))).toHaveLength(2);
    await expectAxeToPass();
    await expectToFitNarrow();
    await page.goBack();
    await points.nth(1).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Extract this circuit" }).click();
    await page.waitForURL((url) => !url.href.includes(id));
    const started = page.url().split("/").at(-1) ?? "";
    expect((await studio.get<RunDetail>(`/api/runs/${started}`)).request.options.alpha).toBe(0.1);
    await stateIs("Done");
  });
});

describe("a search of a thousand components", () => {
  it("touches in each frame the cells that have changed and no others", async () => {
    const run = { id: "synthetic", layers: 40, headsPerLayer: 24, pace: 500 };
    const fresh = await context.newPage();
    await serveSyntheticRun(fresh, run);
    await fresh.goto(`${studio.origin}/#/runs/${run.id}`);
    await fresh.locator(".map .component").nth(999).waitFor({ state: "attached" });
    // Changes of each frame: an observer is told once for all that a task has done.
    await fresh.evaluate(`
      globalThis.batches = [];
      new MutationObserver((changes) => batches.push(changes.length))
        .observe(document.querySelector(".map"), { subtree: true, attributes: true, childList: true });
    `);
    const decisions = decisionsOf(run);
    await fresh.waitForFunction(
      (total) =>
        document.querySelectorAll('.map .component:is([data-state="kept"], [data-state="pruned"])').length ===
        total,
      decisions.length,
    );
    const batches = await fresh.evaluate<number[]>("batches");
    const changes = batches.reduce((sum, count) => sum + count, 0);
    // A cell becomes the one on trial, then what was decided of it, in a colour: four attributes at most, with
    // the class of one that glides and the state between; and the picture's name, once.
    expect(changes).toBeLessThanOrEqual(5 * decisions.length + 1);
    // 48 decisions a frame at most, however many are waiting.
    expect(Math.max(...batches)).toBeLessThanOrEqual(2 * 48 + 8);
    expect(await fresh.locator('.map .component[data-state="kept"]').count()).toBe(
      decisions.filter(({ pruned }) => !pruned).length,
    );
    await fresh.close();
  });
});

describe("a search that has decided nothing", () => {
  it("has a KL axis of its threshold's size, not of rounding errors", async () => {
    const fresh = await context.newPage();
    await serveSyntheticRun(fresh, { id: "waiting", layers: 2, headsPerLayer: 2, pace: 0.001 });
    await fresh.goto(`${studio.origin}/#/runs/waiting`);
    await fresh.locator(".curve").waitFor();
    const texts = await fresh.locator('.curve-grid text[text-anchor="end"]').allTextContents();
    expect(texts).toEqual(["0", "0.005", "0.01", "0.015", "0.02"]);
    await fresh.close();
  });
});

describe("without the token", () => {
  it("the bare address is a page in words that says what to do", async () => {
    const stranger = await browser.newContext({ viewport: { width: 390, height: 800 } });
    const visitor = await stranger.newPage();
    await visitor.goto(studio.origin);
    await visitor.getByRole("heading", { name: "This browser has not been let in" }).waitFor();
    expect(await visitor.locator("main").innerText()).toContain("Open that whole address here, once");
    expect(await visitor.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await stranger.close();
  });
});

describe("the whole visit", () => {
  it("put nothing on the console, and asked nobody but the studio", () => {
    expect(faults).toEqual([]);
    expect([...asked]).toEqual([studio.origin]);
  });

  it("needs less than 300 KB of scripts, gzipped, without ONNX Runtime", async () => {
    const folder = packagePath("dist/web/assets");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".js") && !name.startsWith("ort"));
    const sizes = await Promise.all(
      names.map(async (name) => gzipSync(await readFile(join(folder, name))).length),
    );
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
  });
});

/** What each cell shows. */
function states(cells: readonly Element[]): readonly string[] {
  return cells.map((cell) => `${cell.getAttribute("data-state")} ${cell.getAttribute("data-bin")}`);
}
