/** A page that stays open while the studio behind it is killed and started again: the run goes on before its eyes. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunDetail, RunSummary, StudioInfo } from "../src/server/api.ts";
import { countComponents } from "../src/transformer/circuit.ts";
import { launchChromium } from "./support/chromium.ts";
import { type CliProcess, startCli } from "./support/run-cli.ts";
import { openClient } from "./support/studio-client.ts";

let browser: Browser;
let folder: string;
const started: CliProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-restart-"));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  for (const { child } of started) child.kill("SIGKILL");
  await Promise.all(started.map(({ result }) => result));
  await rm(folder, { recursive: true, force: true });
});

async function startStudio(
  ...port: readonly string[]
): Promise<{ readonly cli: CliProcess; readonly url: string }> {
  const words = ["studio", "--no-open", "--json", "--data", "data", "--threads", "1", ...port];
  const cli = startCli(words, folder);
  started.push(cli);
  const line = await new Promise<string>((resolve, reject) => {
    cli.child.stdout?.once("data", (text) => resolve(`${text}`));
    cli.result.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
  return { cli, url: (JSON.parse(line) as { readonly url: string }).url };
}

it("goes on without a reload once the new address has been opened, and ends as it would have", async () => {
  const first = await startStudio();
  const { port, origin } = new URL(first.url);
  const context = await browser.newContext();
  const faults: string[] = [];
  context.on("weberror", (error) => faults.push(String(error.error())));
  const page = await context.newPage();
  await page.goto(first.url);
  const client = await openClient(first.url);
  const { defaults } = await client.get<StudioInfo>("/api/info");
  const text = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trim().split("\n");
  // So many that a search takes seconds on one thread: it must be under way when its server is killed.
  const deciding = text
    .filter((line) => !line.includes('"patching"'))
    .map((line) => line.replace('"test"', '"validation"'));
  const many = [...text.filter((line) => line.includes('"patching"')), ...deciding, ...deciding];
  const { id } = await client.post<RunSummary>("/api/runs", {
    ...{ kind: "extract", model: "", options: defaults },
    task: { kind: "text", name: "many", format: "jsonl", text: many.join("\n") },
  });
  await page.goto(`${origin}/#/runs/${id}`);
  await page.evaluate("globalThis.untouched = true");
  const decided = page.locator('.map .component:is([data-state="kept"], [data-state="pruned"])');
  await decided.nth(4).waitFor();
  first.cli.child.kill("SIGKILL");
  await first.cli.result;
  await page.getByText("server does not answer").first().waitFor();
  const before = await decided.count();
  expect(before).toBeLessThan(42);

  const second = await startStudio("--port", port);
  // The old token is worth nothing to the new server, and the page says what to do.
  await page.getByText("The studio was started anew.").waitFor();
  await (await context.newPage()).goto(second.url);
  await page.locator(".gone").waitFor({ state: "detached" });
  await page.locator(".controls .state", { hasText: "Done" }).waitFor();
  expect(await decided.count()).toBe(42);
  const again = await openClient(second.url);
  const { circuit, decisions } = await again.get<RunDetail>(`/api/runs/${id}`);
  expect(decisions).toEqual(circuit?.search.trace);
  expect(await page.locator('.map .component[data-state="kept"]').count()).toBe(
    circuit === undefined ? 0 : countComponents(circuit.kept),
  );
  expect(await page.evaluate("untouched"), "it was never reloaded").toBe(true);
  expect(faults).toEqual([]);
  second.cli.child.kill("SIGINT");
  expect(await second.cli.result).toMatchObject({ code: 0 });
});
