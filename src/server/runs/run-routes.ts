/** The routes below /api/runs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Context, Hono } from "hono";
import { PithError } from "../../errors.ts";
import { parseSweepRows } from "../../experiments/sweep-row.ts";
import { folderLayout } from "../../export/folder-layout.ts";
import { readCircuitFile } from "../../export/read-folder.ts";
import { orFileError } from "../../files/file-error.ts";
import { quote } from "../../printable.ts";
import { Refusal } from "../answer-error.ts";
import type { RunDetail } from "../api.ts";
import type { Laboratories } from "../laboratory/laboratories.ts";
import type { Laboratory } from "../laboratory/laboratory.ts";
import { sendFile } from "../listed-files.ts";
import { bodies, readBody } from "../request-bodies.ts";
import type { SharedSites } from "../shared-site.ts";
import { zipFiles } from "../zip-folder.ts";
import { resultFiles } from "./result-files.ts";
import { expectCircuit, expectDone, noRun, type Run, runName, summarizeRun } from "./run.ts";
import { expectResult, runIdPattern } from "./run-folder.ts";
import { streamRun } from "./run-stream.ts";
import type { Runs } from "./runs.ts";

export interface RunRouteParts {
  readonly runs: Runs;
  readonly laboratories: Laboratories;
  readonly sites: SharedSites;
}

export function createRunRoutes({ runs, laboratories, sites }: RunRouteParts): Hono {
  const routes = new Hono();
  const runOf = (context: Context): Run => {
    const id = context.req.param("id") ?? "";
    if (!runIdPattern.test(id)) throw noRun(id);
    return runs.get(id);
  };
  const ask = async <T extends object>(
    context: Context,
    question: (laboratory: Laboratory) => Promise<T>,
  ): Promise<Response> => {
    const run = runOf(context);
    expectCircuit(run);
    try {
      await expectResult(run.record);
      return context.json(await question(await laboratories.of(run.record)));
    } catch (error) {
      // An engine that has died can't answer any more; the next request starts a new one.
      if (error instanceof PithError && error.code === "runtime") await laboratories.forget(run.record);
      throw error;
    }
  };

  routes.get("/", (context) => context.json(runs.list().map(summarizeRun)));
  routes.post("/", async (context) => {
    const run = await runs.create(await readBody(context, bodies.run));
    return context.json(summarizeRun(run), 201);
  });
  routes.get("/:id", async (context) => context.json(await describeRun(runOf(context))));
  routes.delete("/:id", async (context) => {
    const run = runOf(context);
    await laboratories.forget(run.record);
    await runs.remove(run);
    return context.body(null, 204);
  });
  for (const action of ["pause", "resume", "cancel"] as const) {
    routes.post(`/:id/${action}`, async (context) => {
      const run = runOf(context);
      await runs[action](run);
      return context.json(summarizeRun(run));
    });
  }
  routes.get("/:id/events", (context) => streamRun(context, runOf(context)));

  routes.post("/:id/predict", async (context) => {
    const { prompt } = await readBody(context, bodies.prompt);
    return ask(context, (laboratory) => laboratory.predict(prompt));
  });
  routes.post("/:id/knock", async (context) => {
    const { prompt, kept } = await readBody(context, bodies.knock);
    return ask(context, (laboratory) => laboratory.knock(prompt, kept));
  });
  routes.post("/:id/patterns", async (context) => {
    const { prompt, kept } = await readBody(context, bodies.patterns);
    return ask(context, (laboratory) => laboratory.patterns(prompt, kept));
  });
  routes.post("/:id/attribution", async (context) => {
    const { prompt, answer, kept } = await readBody(context, bodies.attribution);
    return ask(context, (laboratory) => laboratory.attribution(prompt, { answer, kept }));
  });
  routes.get("/:id/examples", (context) => ask(context, (laboratory) => laboratory.examples()));

  routes.get("/:id/files/*", async (context) => {
    const run = runOf(context);
    expectDone(run);
    const { record } = run;
    const prefix = `/api/runs/${record.id}/files/`;
    const name = context.req.path.slice(prefix.length);
    const file = (await resultFiles(record)).find((each) => each.name === name);
    if (file === undefined) {
      throw new Refusal(404, "file", `${runName(record)} has no file ${quote(name)} in its result.`);
    }
    const { method } = context.req;
    return sendFile(file, { method, ifNoneMatch: context.req.header("if-none-match") }, "no-cache");
  });
  routes.get("/:id/zip", async (context) => {
    const run = runOf(context);
    expectDone(run);
    const { record } = run;
    const name = archiveName(record);
    return sendZip(zipFiles(await resultFiles(record), name), name);
  });
  routes.get("/:id/share", async (context) => {
    const run = runOf(context);
    expectCircuit(run);
    await expectResult(run.record);
    const name = archiveName(run.record).replace(/-circuit$/, "-site");
    return sendZip(zipFiles(await sites.of(run.record), name), name);
  });
  return routes;
}

/** Made of its model, task and kind: letters, digits and dashes. */
function archiveName({ taskName, modelName, request }: Run["record"]): string {
  const plain = (text: string) => text.replace(/^.*[/\\]/, "").replace(/[^\w.]+/g, "-");
  return `${plain(modelName)}-${plain(taskName)}-${request.kind === "extract" ? "circuit" : "sweep"}`;
}

function sendZip(archive: ReadableStream<Uint8Array>, name: string): Response {
  return new Response(archive, {
    headers: {
      "Content-Type": "application/zip",
      "Content-Disposition": `attachment; filename="${name}.zip"`,
    },
  });
}

async function describeRun(run: Run): Promise<RunDetail> {
  const { record, status, log } = run;
  const { request, headsPerLayer } = record;
  // Read together with the decisions, without a pause between: the stream continues exactly here.
  const told = { decisions: log.decisions(), sequence: log.length, step: log.last("step")?.step };
  const detail = {
    ...{ ...summarizeRun(run), request, layers: headsPerLayer.length, headsPerLayer, ...told },
    ...(status.error && { error: status.error }),
  };
  if (status.state !== "done") return detail;
  const folder = await expectResult(record);
  if (request.kind === "extract") {
    const path = join(folder, folderLayout.circuit);
    return { ...detail, circuit: await readCircuitFile(path) };
  }
  const path = join(folder, "sweep.jsonl");
  return {
    ...detail,
    rows: parseSweepRows(await orFileError("circuit", path, () => readFile(path, "utf8")), path),
  };
}
