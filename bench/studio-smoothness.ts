/**
 * Measures whether the studio's live map stays smooth: the page gets the stream of a search of a thousand
 * components, and a trace of the browser gives the time of each step of the page's main thread. First paint and
 * script sizes are printed too. `npm run build && npx tsx bench/studio-smoothness.ts [decisions a second] [folder
 * of pages]`; needs Chromium.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packagePath } from "../src/files/package-files.ts";
import { startStudio } from "../src/server/server.ts";
import { launchChromium } from "../test/support/chromium.ts";
import { serveSyntheticRun } from "../test/support/synthetic-run.ts";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  /** Microseconds of wall clock, and of processor time. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

const frameBudget = 16;
const taskNames = new Set(["RunTask", "ThreadControllerImpl::RunTask"]);
const pages = process.argv[3] ?? packagePath("dist/web");
const run = { id: "synthetic", layers: 40, headsPerLayer: 24, pace: Number(process.argv[2] ?? 250) };

const data = await mkdtemp(join(tmpdir(), "pith-smoothness-"));
const studio = await startStudio({ dataFolder: data, roots: [], pages });
const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  await page.goto(studio.url);
  await page.waitForSelector("h1");
  const paint = await page.evaluate(
    () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
  );
  console.log(`first contentful paint  ${paint?.toFixed(0)} ms`);
  for (const { name, bytes, gzip } of await scripts()) console.log(`${name}  ${bytes} B, ${gzip} B gzipped`);

  await serveSyntheticRun(page, run);
  await page.goto(`${studio.url.replace(/\?.*/, "")}#/runs/${run.id}`);
  await page.reload();
  // The map is made in a step of its own, before the stream.
  await page.waitForSelector('.component[data-state="pruned"]');
  await browser.startTracing(page, {
    categories: ["devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel", "__metadata"],
  });
  const total = run.layers * (run.headsPerLayer + 1);
  await page.waitForFunction(
    (count) => document.querySelectorAll('.component:not([data-state="unknown"])').length >= count,
    total,
    { polling: 500, timeout: 120_000 },
  );
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: readonly TraceEvent[];
  };
  report(trace.traceEvents);
} finally {
  await browser.close();
  await studio.close();
  await rm(data, { recursive: true, force: true });
}

/** The page's main thread is the one with the most work. */
function report(events: readonly TraceEvent[]): void {
  const threads = events.filter(
    ({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain",
  );
  const tasks = threads
    .map(({ pid, tid }) =>
      events.filter(
        (event) => taskNames.has(event.name) && event.ph === "X" && event.pid === pid && event.tid === tid,
      ),
    )
    .sort((a, b) => b.length - a.length)[0];
  if (tasks === undefined || tasks.length === 0) throw new Error("the trace has no tasks");
  const clock = tasks.map(({ dur = 0 }) => dur / 1000).sort((a, b) => b - a);
  const processor = tasks.map(({ tdur, dur = 0 }) => (tdur ?? dur) / 1000).sort((a, b) => b - a);
  const first = Math.min(...tasks.map(({ ts }) => ts));
  const last = Math.max(...tasks.map(({ ts }) => ts));
  console.log(`${tasks.length} tasks of the main thread in ${((last - first) / 1e6).toFixed(1)} s`);
  for (const [name, times] of [
    ["clock", clock],
    ["processor", processor],
  ] as const) {
    const over = times.filter((time) => time > frameBudget).length;
    const at = (share: number) => times[Math.floor(share * times.length)]?.toFixed(2);
    console.log(
      `${name}: longest ${times[0]?.toFixed(2)} ms, 99.9 % ${at(0.001)} ms, 99 % ${at(0.01)} ms; ${over} over ${frameBudget} ms`,
    );
  }
}

async function scripts(): Promise<
  readonly { readonly name: string; readonly bytes: number; readonly gzip: number }[]
> {
  const folder = join(pages, "assets");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return { name, bytes: bytes.length, gzip: gzipSync(bytes).length };
    }),
  );
}
