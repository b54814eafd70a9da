/** Chats in a real browser: the studio's checkbox shows what the model sees, and a shared page asks by the template. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { extract, loadCircuit, loadModel, readTask } from "../src/index.ts";
import { shareCircuits } from "../src/jobs/share/share.ts";
import { launchChromium } from "./support/chromium.ts";
import { found } from "./support/run-model.ts";
import { serveFolder } from "./support/static-site.ts";
import { openStudio } from "./support/studio-client.ts";

const template =
  "{% for m in messages %}{{ m.role + ', ' + m.content + '.\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant, ' }}{% endif %}";
let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-chat-browser-"));
  await cp("models/nano", join(folder, "chatty"), { recursive: true });
  await writeFile(join(folder, "chatty/chat_template.jinja"), template);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("the studio's checkbox puts prompts through the template, and shows what the model sees", async () => {
  const studio = await openStudio({ roots: [folder], threads: 1 });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(studio.studio.url);
    await page.getByRole("radio", { name: /Another/ }).check();
    await page.getByRole("textbox", { name: "Folder, GGUF file or hub name" }).fill("./chatty");
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.locator(".opened").waitFor();
    const samples = page.locator(".samples");
    await samples.waitFor();
    expect(await samples.innerText()).not.toContain("ist");
    await page.locator("summary", { hasText: "More options" }).click();
    const chat = page.getByRole("checkbox", { name: /chat template/ });
    await chat.check();
    // "assistant" is several tokens of nano's.
    await expect
      .poll(() => samples.innerText().then((text) => text.replace(/\s/g, "")))
      .toContain("assistant");
    await chat.uncheck();
    await expect.poll(() => samples.innerText()).not.toContain("ist");
    // A model without a template says so in the place of the samples.
    await chat.check();
    await page.getByRole("radio", { name: /nano/ }).first().check();
    await page.getByText("this model has no chat template").waitFor();
    expect(faults).toEqual([]);
    await page.close();
  } finally {
    await studio.close();
  }
});

test("a shared page asks a chat circuit as Node does", async () => {
  const lines = ["garden", "store", "office", "school", "market", "station"].map((place, at) => ({
    ...{ prompt: `Who is at the ${place}`, answers: [" the"], chat: true, system: "Answer" },
    split: ["patching", "validation", "test"][at % 3],
  }));
  await writeFile(join(folder, "who.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
  const model = await loadModel(join(folder, "chatty"));
  const task = await readTask(join(folder, "who.jsonl"));
  const directory = join(folder, "circuit");
  await extract(model, task, directory, { means: "pooled", mlps: false, threads: 1, allowWeak: true });
  await model.close();
  const shared = await shareCircuits([{ directory, task }], join(folder, "site"));
  const host = await serveFolder(shared.folder, "/");
  const circuit = await loadCircuit(directory, { threads: 1 });
  try {
    const { prompt } = found(lines[0]);
    const [first] = await circuit.predict(prompt, 1);
    const page = await browser.newPage();
    await page.goto(host.url);
    await page.locator("#prompt").fill(prompt);
    await page.locator("#prompt").press("Enter");
    await page.locator(".share-answer[aria-busy=false] .bars").waitFor();
    const shown = await page.locator(".share-answer").innerText();
    expect(shown).toContain(`${(100 * found(first).probability).toFixed(1)} %`);
    const tokens = circuit.tokenizer.encode(`system, Answer.\nuser, ${prompt}.\nassistant, `).length;
    expect(shown).toMatch(new RegExp(`${tokens} tokens, [\\d.]+ ms`));
    await page.close();
  } finally {
    await circuit.close();
    await host.close();
  }
});
