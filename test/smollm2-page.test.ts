/**
 * The page that `pith share` makes of a real language model's circuit, SmolLM2-135M-Instruct's for IOI, in a real
 * browser: what it answers there is what the reference's circuit answers. The circuit is the reference's (which
 * `smollm2.test.ts` finds again), so nothing is searched here. It runs where `PITH_SMOLLM2` names the GGUF file.
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { loadCircuit, readTask } from "../src/index.ts";
import { loadModel, specialTokens } from "../src/jobs/load-model.ts";
import { encodePrompts, tokenIds } from "../src/jobs/prompts.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import { launchChromium } from "./support/chromium.ts";
import { runtime, shipCircuit } from "./support/export-circuit.ts";
import { writeFloat16Folder } from "./support/float16-folder.ts";
import { runCli } from "./support/run-cli.ts";
import { found } from "./support/run-model.ts";
import { type StaticSite, serveFolder } from "./support/static-site.ts";

const file = process.env["PITH_SMOLLM2"] ?? "";
const given = file !== "";
const taskFile = "test/golden/smollm2/smollm2-ioi.jsonl";

type TopTokens = readonly (readonly [id: number, logProbability: number])[];
interface RealCircuit {
  readonly kept_heads: readonly (readonly [number, number])[];
  readonly kept_mlps: readonly number[];
  readonly body_parameters: { readonly circuit: number };
  /** Of the first eight validation prompts. */
  readonly final_top: readonly TopTokens[];
}

if (!given)
  console.warn("smollm2-page.test.ts is skipped: PITH_SMOLLM2 names no GGUF file of SmolLM2-135M-Instruct.");

describe.skipIf(!given)("the shared page of a circuit of SmolLM2-135M-Instruct", () => {
  const place = mkdtempSync(join(tmpdir(), "pith-smollm2-page-"));
  const [reference]: readonly RealCircuit[] = JSON.parse(
    readFileSync("test/golden/smollm2/smollm2-ioi.expected.json", "utf8"),
  );
  const circuitFolder = join(place, "circuit");
  let prompts: readonly string[];
  let host: StaticSite;
  let browser: Browser;

  beforeAll(async () => {
    const { kept_heads: heads, kept_mlps: mlps } = found(reference);
    const folder = mkdtempSync(join(place, "model-"));
    await writeFloat16Folder(file, folder);
    const model = await loadModel(folder);
    const task = await readTask(taskFile);
    const { transformer, tokenizer } = model;
    const settings = { means: "aligned", bos: false, seed: 0 } as const;
    const encoded = encodePrompts(task, tokenizer, transformer.contextLength, settings);
    prompts = task.examples.flatMap(({ split, prompt }) => (split === "validation" ? [prompt] : []));
    const patching = tokenIds(encoded.patching);
    const replacements = await meanReplacements(runtime, transformer, patching, "aligned");
    await shipCircuit(
      transformer,
      circuitOfLists({ heads, mlps }),
      replacements,
      { kind: "aligned", length: found(patching[0]).length },
      circuitFolder,
      undefined,
      { tokenizer, specialTokens: specialTokens(model) },
    );
    await model.close();
    await changeCircuit(circuitFolder, (circuit) => ({
      ...circuit,
      model: { ...circuit.model, name: "SmolLM2-135M-Instruct", family: "llama" },
      task: { ...circuit.task, name: "smollm2-ioi", sha256: task.sha256 },
    }));
    const shared = await runCli(
      ["share", circuitFolder, "--task", resolve(taskFile), "--out", join(place, "site")],
      place,
    );
    expect(shared).toMatchObject({ code: 0 });
    host = await serveFolder(join(place, "site"), "/some/where/");
    browser = await launchChromium();
  }, 600_000);
  afterAll(async () => {
    await browser?.close();
    await host?.close();
    await rm(place, { recursive: true, force: true });
  });

  /** A reference's log-probability against the circuit's, whose weights are the same float16 values. */
  const tolerance = 1e-3;

  test("the circuit has the reference's size, and its most likely tokens", async () => {
    const circuit = await loadCircuit(circuitFolder, { threads: 2 });
    const { final_top: tops, body_parameters: body, kept_heads: heads, kept_mlps: mlps } = found(reference);
    // The reference counts the norms before what is kept, which are no matrices.
    const norms = new Set(heads.map(([layer]) => layer)).size + mlps.length;
    const { parameters } = circuit.circuit.metrics;
    expect(parameters.circuit.body + norms * circuit.circuit.model.width).toBe(body.circuit);
    expect(tops).toHaveLength(8);
    for (const [index, top] of tops.entries()) {
      const answered = await circuit.predict(found(prompts[index]), top.length);
      expect(answered.map(({ id }) => id)).toEqual(top.map(([id]) => id));
      const gaps = answered.map(({ probability }, at) =>
        Math.abs(Math.log(probability) - found(found(top[at])[1])),
      );
      expect(Math.max(...gaps)).toBeLessThan(tolerance);
    }
    await circuit.close();
  }, 600_000);

  test("the page answers prompts in Chromium as the reference does", async () => {
    const faults: string[] = [];
    const page = await browser.newPage();
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(host.url);
    await page.locator("#prompt").waitFor();
    for (const [index, top] of found(reference).final_top.entries()) {
      const prompt = found(prompts[index]);
      await page.locator("#prompt").fill(prompt);
      await page.locator("#prompt").press("Enter");
      await page.locator(".share-answer[aria-busy=false] :is(.bars, .notice-bad)").waitFor();
      const shown = await page.locator(".share-answer").innerText();
      const [, logProbability] = found(top[0]);
      expect(shown).toContain(`${(100 * Math.exp(logProbability)).toFixed(1)} %`);
      if (index === 0) console.info(`${prompt} …\n${shown}`);
    }
    expect(faults).toEqual([]);
    expect(host.missing).toEqual([]);
    await page.close();
  }, 600_000);
});
