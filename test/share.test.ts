/**
 * Shared sites from one end to the other: circuits of all three kinds, made into a site, opened from a plain web
 * host in a real browser, and asked; what they answer there is what Node's engine answers here.
 */

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { unzipSync } from "fflate";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Profile } from "../src/export/config-json.ts";
import { loadCircuit, PithError, type Prediction, readTask, type Task } from "../src/index.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { type SharedSite, shareCircuits } from "../src/jobs/share/share.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import { launchChromium } from "./support/chromium.ts";
import { goldenReplacements, goldenRuns, loadNano, shipCircuit } from "./support/export-circuit.ts";
import { runCli } from "./support/run-cli.ts";
import { found } from "./support/run-model.ts";
import { type StaticSite, serveFolder } from "./support/static-site.ts";

const prompt = "Then, Alice and Michael went to the market. Alice gave a snack to";
const kinds = ["aligned", "any-length", "compiled"] as const;

let place: string;
let task: Task;
let shared: SharedSite;
let host: StaticSite;
let browser: Browser;
const circuitFolder = (kind: string) => join(place, kind);

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-share-"));
  await cp("test/golden/nano-ioi.jsonl", join(place, "ioi.jsonl"));
  task = await readTask(join(place, "ioi.jsonl"));
  await ship("aligned", { kind: "aligned", length: 15 });
  await ship("any-length", { kind: "decoder" });
  await compileFolder(circuitFolder("aligned"), circuitFolder("compiled"), { task, threads: 1 });
  await writeFile(join(circuitFolder("aligned"), "notes.txt"), "nobody else's business");
  shared = await shareCircuits(
    kinds.map((kind) => ({ directory: circuitFolder(kind), task })),
    join(place, "site"),
    { title: "Names & <b>places</b>" },
  );
  host = await serveFolder(shared.folder, "/some/where/");
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
  await rm(place, { recursive: true, force: true });
});

/** A golden circuit, as `pith extract` would have written it for that task. */
async function ship(kind: string, profile: Profile): Promise<void> {
  const means = profile.kind === "aligned" ? "aligned" : "pooled";
  const runs = await goldenRuns("ioi");
  const run = found(runs.find((each) => each.ablation === "mean" && each.means === means && !each.bos));
  const model = await loadNano();
  const kept = circuitOfLists({ heads: run.kept_heads, mlps: run.kept_mlps });
  await shipCircuit(model, kept, await goldenReplacements(model, "ioi", run), profile, circuitFolder(kind));
  await changeCircuit(circuitFolder(kind), (circuit) => ({
    ...circuit,
    task: { ...circuit.task, name: "ioi", sha256: task.sha256 },
  }));
}

interface Visit {
  readonly page: Page;
  /** What the console said of faults, and what was asked of others than the host. */
  readonly faults: string[];
  close(): Promise<void>;
}

async function visit(fragment: string, options: BrowserContextOptions = {}, by = browser): Promise<Visit> {
  const context = await by.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(host.url) && !url.startsWith("blob:")) faults.push(`asks for ${url}`);
  });
  await page.goto(`${host.url}#${fragment}`);
  await page.locator("#prompt").waitFor();
  return { page, faults, close: () => context.close() };
}

async function ask(page: Page, text: string): Promise<string> {
  await page.locator("#prompt").fill(text);
  await page.locator("#prompt").press("Enter");
  await page.locator(".share-answer[aria-busy=false] :is(.bars, .notice-bad)").waitFor();
  return page.locator(".share-answer").innerText();
}

/** All that the browser's circuit says of the next token, through the very code that the page runs. */
async function browserLogits(page: Page, kind: string): Promise<readonly [string, readonly Prediction[]]> {
  const manifest = JSON.parse(await readFile("dist/web/manifest.json", "utf8"));
  const script = `(async () => {
    const { openCircuit } = await import(new URL(${JSON.stringify(manifest["inference/open-circuit.ts"].file)}, document.baseURI));
    const circuit = await openCircuit("circuits/${kind}/");
    const { top } = await circuit.predict(${JSON.stringify(prompt)}, 1e9);
    await circuit.close();
    return [circuit.provider, top];
  })()`;
  return page.evaluate(script) as Promise<readonly [string, readonly Prediction[]]>;
}

async function nodeLogits(kind: string): Promise<readonly Prediction[]> {
  const circuit = await loadCircuit(circuitFolder(kind), { threads: 1 });
  try {
    return await circuit.predict(prompt, 1e9);
  } finally {
    await circuit.close();
  }
}

function largestGap(here: readonly Prediction[], there: readonly Prediction[]): number {
  expect(here.length).toBeGreaterThan(1);
  expect(there).toHaveLength(here.length);
  const logits = new Map(here.map(({ id, logit }) => [id, logit]));
  return Math.max(...there.map(({ id, logit }) => Math.abs(logit - found(logits.get(id)))));
}

describe("a visitor", () => {
  test.each(kinds)("gets Node's logits of every token from the circuit: %s", async (kind) => {
    const { page, faults, close } = await visit(kind);
    const [provider, top] = await browserLogits(page, kind);
    const expected = await nodeLogits(kind);
    expect(provider).toBe("wasm");
    expect(largestGap(expected, top)).toBeLessThan(1e-3);
    const shown = await ask(page, prompt);
    const [first] = expected;
    expect(shown).toContain(`·${found(first).text.trim()}`);
    expect(shown).toContain(`${(100 * found(first).probability).toFixed(1)} %`);
    expect(shown).toMatch(/15 tokens, [\d.]+ ms by WebAssembly/);
    expect(faults).toEqual([]);
    await close();
  });

  test("is told what a circuit takes when a prompt is none for it", async () => {
    const aligned = await visit("aligned");
    expect(await ask(aligned.page, "Alice and Michael")).toMatch(
      /does not take this prompt[\s\S]+exactly 15 tokens, but this one has 3: Alice\| and\| Michael/,
    );
    // And goes on from there.
    expect(await ask(aligned.page, prompt)).toContain("Michael");
    expect(aligned.faults).toEqual([]);
    await aligned.close();
    const compiled = await visit("compiled");
    expect(await ask(compiled.page, prompt.replace("snack", "market"))).toContain(
      'was not compiled for the token " market"',
    );
    await compiled.close();
  });

  test("goes from circuit to circuit by keyboard, and takes one along whole", async () => {
    const { page, faults, close } = await visit("aligned");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    // All three do one task: the folder's name tells them apart.
    await expect.poll(() => page.locator("[aria-current]").innerText()).toBe("ioi on nano, any-length");
    await expect.poll(() => page.locator("#prompt-hint").innerText()).toContain("any length");
    const takes = page.locator("section", { hasText: "Take it with you" });
    expect(await takes.innerText()).toContain("for transformers.js to generate text with");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /Download as zip/ }).focus();
    await page.keyboard.press("Enter");
    const archive = unzipSync(await readFile(found(await (await download).path())));
    const names = Object.keys(archive).sort();
    expect(names).toContain("any-length/onnx/model.onnx_data");
    for (const name of names) {
      expect(Buffer.from(found(archive[name])).equals(await readFile(join(place, name))), name).toBe(true);
    }
    expect(faults).toEqual([]);
    await close();
  });

  test("is told of one flipped bit, in whichever file it is", async () => {
    const told = async (name: string): Promise<string> => {
      const path = join(shared.folder, name);
      const whole = await readFile(path);
      const flipped = Buffer.from(whole);
      const at = flipped.length - 3;
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      await writeFile(path, flipped);
      const page = await browser.newPage();
      try {
        await page.goto(`${host.url}#aligned`);
        await page.locator("#prompt, .notice-bad").first().waitFor();
        if ((await page.locator("#prompt").count()) > 0) await ask(page, prompt);
        return await page.locator(".notice-bad").first().innerText();
      } finally {
        await page.close();
        await writeFile(path, whole);
      }
    };
    const own = ["circuit.json", "tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data"];
    for (const name of ["site.json", ...own.map((each) => `circuits/aligned/${each}`)]) {
      const shown = await told(name);
      expect(shown).toContain("is not the file that was shipped: its SHA-256 is another");
      expect(shown).toContain(name);
    }
    // A script that was changed does not run at all.
    const main = JSON.parse(await readFile("dist/web/manifest.json", "utf8"))["share.html"].file;
    const page = await browser.newPage();
    const refused = page.waitForEvent("console", (message) => message.text().includes("integrity"));
    const path = join(shared.folder, main);
    const whole = await readFile(path);
    await writeFile(path, Buffer.concat([whole, Buffer.from(" ")]));
    await page.goto(host.url);
    expect((await refused).type()).toBe("error");
    await page.close();
    await writeFile(path, whole);
  });

  test.each([
    { width: 1280, colorScheme: "light" },
    { width: 1280, colorScheme: "dark" },
    { width: 360, colorScheme: "light" },
    { width: 360, colorScheme: "dark" },
  ] as const)("can read it: $width pixels, $colorScheme", async ({ width, colorScheme }) => {
    const { page, close } = await visit("aligned", { viewport: { width, height: 800 }, colorScheme });
    await ask(page, prompt);
    for (const summary of await page.locator("summary").all()) await summary.click();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    await page.evaluate(await readFile("node_modules/axe-core/axe.min.js", "utf8"));
    const violations = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))",
    );
    expect(violations).toEqual([]);
    await close();
  });
});

test("opened from a disk, it says that it needs a server and how to have one", async () => {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(join(shared.folder, "index.html")).href);
  await page.getByRole("heading", { name: "This page needs a web server" }).waitFor();
  expect(await page.locator("pre").innerText()).toBe("npx http-server\npython3 -m http.server");
  await page.close();
});

describe("WebGPU", () => {
  let card: Browser;
  beforeAll(async () => {
    // Software that plays a graphics card: the same API, shaders included.
    card = await launchChromium([
      "--enable-unsafe-webgpu",
      "--enable-features=Vulkan",
      "--use-vulkan=swiftshader",
      "--use-webgpu-adapter=swiftshader",
    ]);
  });
  afterAll(() => card?.close());

  test("computes the same logits", async () => {
    const { page, close } = await visit("aligned", {}, card);
    expect((await browserLogits(page, "aligned"))[0], "software is no graphics card").toBe("wasm");
    await page.evaluate(
      "Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false })",
    );
    const [provider, top] = await browserLogits(page, "aligned");
    expect(provider).toBe("webgpu");
    expect(largestGap(await nodeLogits("aligned"), top)).toBeLessThan(1e-3);
    await close();
  });

  test("that answers and then fails leaves the circuit to WebAssembly", async () => {
    const { page, close } = await visit("aligned", {}, card);
    await page.evaluate(`
      Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
      GPUAdapter.prototype.requestDevice = () => Promise.reject(new Error("out of memory"));
    `);
    const [provider, top] = await browserLogits(page, "aligned");
    expect(provider).toBe("wasm");
    expect(largestGap(await nodeLogits("aligned"), top)).toBeLessThan(1e-3);
    await close();
  });
});

describe("the site", () => {
  test("holds the page, the circuits' own files and ONNX Runtime, and nothing more", async () => {
    const names = (await readdir(shared.folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(shared.folder.length + 1));
    expect(names.filter((name) => !name.includes("/")).sort()).toEqual([
      ".nojekyll",
      "index.html",
      "licences.txt",
      "site.json",
    ]);
    expect(names.filter((name) => name.startsWith("circuits/aligned/")).sort()).toEqual(
      [
        ...["README.md", "circuit.json", "config.json", "generation_config.json"],
        ...["onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json", "tokenizer_config.json"],
      ].map((name) => `circuits/aligned/${name}`),
    );
    const manifest = JSON.parse(await readFile("dist/web/manifest.json", "utf8"));
    expect(names).not.toContain(manifest["index.html"].file);
    expect(names.filter((name) => name.endsWith(".wasm"))).toHaveLength(2);
    const bytes = await Promise.all(
      names.map(async (name) => (await readFile(join(shared.folder, name))).length),
    );
    expect(shared.bytes).toBe(bytes.reduce((sum, size) => sum + size, 0));
    expect(host.missing.filter((path) => !path.endsWith("favicon.ico"))).toEqual([]);
  });

  test("carries the licence texts of all that is in it, and the page leads to them", async () => {
    const text = await readFile(join(shared.folder, "licences.txt"), "utf8");
    const rule = "=".repeat(80);
    const sections = text.split(new RegExp(`^${rule}\n(.+)\n${rule}\n`, "m")).slice(1);
    const titles = sections.filter((_, at) => at % 2 === 0);
    const texts = sections.filter((_, at) => at % 2 === 1);
    for (const name of ["Pith", "onnxruntime-web", "preact", "@preact/signals", "@huggingface/tokenizers"]) {
      expect(titles.map((title) => title.replace(/ [\d.]+$/, ""))).toContain(name);
    }
    for (const each of texts) expect(each).toMatch(/permission|licen[cs]e/i);
    expect(found(texts[titles.findIndex((title) => title.startsWith("onnxruntime-web"))])).toMatch(
      /Copyright \(c\) Microsoft Corporation\s+Permission is hereby granted/,
    );
    const { page, close } = await visit("aligned");
    const link = page.getByRole("link", { name: "Licences" });
    expect(await link.evaluate((each) => (each as HTMLAnchorElement).href)).toBe(`${host.url}licences.txt`);
    await close();
  });

  test("names everything relative to itself, and its title as text", async () => {
    const html = await readFile(join(shared.folder, "index.html"), "utf8");
    expect(html).toContain("<title>Names &#38; &#60;b&#62;places&#60;/b&#62;</title>");
    const links = Array.from(html.matchAll(/(?:src|href)="([^"]+)"/g), ([, link]) => found(link));
    expect(links.length).toBeGreaterThan(2);
    expect(links.filter((link) => !link.startsWith("./assets/"))).toEqual([]);
    expect(html).toContain("default-src 'none'");
    const site = JSON.parse(await readFile(join(shared.folder, "site.json"), "utf8"));
    expect(site.circuits.map(({ path }: { path: string }) => path)).toEqual(
      kinds.map((kind) => `circuits/${kind}/`),
    );
    for (const { samples } of site.circuits) expect(samples).toHaveLength(5);
  });
});

const fault = (action: () => Promise<unknown>) =>
  action().then(
    () => expect.unreachable("it should have been refused"),
    (error: unknown) => {
      if (!(error instanceof PithError)) throw error;
      return error.message;
    },
  );

describe("writing", () => {
  test("replaces a site when told to, and never anything else", async () => {
    const folder = join(place, "other");
    const share = (options = {}) => shareCircuits([{ directory: circuitFolder("aligned") }], folder, options);
    await mkdir(folder);
    await writeFile(join(folder, "thesis.tex"), "");
    expect(await fault(() => share())).toContain("exists already");
    expect(await fault(() => share({ force: true }))).toContain("no site.json");
    expect(await readdir(folder)).toEqual(["thesis.tex"]);
    await rm(join(folder, "thesis.tex"));
    expect((await share({ force: true })).circuits).toEqual([
      { name: "aligned", bytes: expect.any(Number), samples: 0 },
    ]);
    const inside = join(folder, "circuits/aligned");
    expect(await fault(() => shareCircuits([{ directory: inside }], folder, { force: true }))).toContain(
      "lies in the folder",
    );
  });

  test("leaves nothing when a circuit is none, or when it is broken off", async () => {
    const before = (await readdir(place)).sort();
    const out = join(place, "never");
    expect(await fault(() => shareCircuits([{ directory: "models/nano" }], out))).toContain("circuit.json");
    const signal = AbortSignal.abort();
    const directory = circuitFolder("aligned");
    await expect(shareCircuits([{ directory }], out, { signal })).rejects.toThrow("aborted");
    expect((await readdir(place)).sort()).toEqual(before);
  });

  test("two folders of one name get one each", async () => {
    await cp(circuitFolder("aligned"), join(place, "deep/Aligned"), { recursive: true });
    const directories = [circuitFolder("aligned"), join(place, "deep/Aligned")];
    const site = await shareCircuits(
      directories.map((directory) => ({ directory })),
      join(place, "twins"),
    );
    expect(site.circuits.map(({ name }) => name)).toEqual(["aligned", "Aligned-2"]);
  });

  test("the command says what came out, and where it went wrong", async () => {
    const args = ["share", circuitFolder("aligned"), "--out", "out", "--task", resolve(place, "ioi.jsonl")];
    const { code, stdout, stderr } = await runCli([...args, "--json"], place);
    expect([code, stderr]).toEqual([0, ""]);
    const site: SharedSite = JSON.parse(stdout);
    expect(site).toMatchObject({ folder: join(place, "out"), title: "nano · ioi" });
    expect(site.circuits).toEqual([{ name: "aligned", bytes: expect.any(Number), samples: 5 }]);
    const again = await runCli(args, place);
    expect([again.code, again.stdout]).toEqual([2, ""]);
    expect(again.stderr).toContain("exists already");
    const forced = await runCli([...args, "--force"], place);
    expect(forced.stdout).toMatch(/1 circuit, [\d.]+ MB/);
  });
});
