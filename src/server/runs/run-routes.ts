/** The routes below /api/runs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Context, Hono } from "hono";
import { parseSweepRows } from "../../experiments/sweep-row.ts";
import { folderLayout } from "../../export/folder-layout.ts";
import { readCircuitFile } from "../../export/read-folder.ts";
import { orFileError } from "../../files/file-error.ts";
import type { RunDetail } from "../api.ts";
import { bodies, readBody } from "../request-bodies.ts";
import { createQuestionRoutes, type QuestionRouteParts } from "./question-routes.ts";
import { createResultRoutes, type ResultRouteParts } from "./result-routes.ts";
import { type Run, summarizeRun } from "./run.ts";
import { curvesBeside } from "./run-curves.ts";
import { expectResult } from "./run-folder.ts";
import { runOfRequest } from "./run-of-request.ts";
import { streamRun } from "./run-stream.ts";

export interface RunRouteParts extends QuestionRouteParts, ResultRouteParts {}

export function createRunRoutes(parts: RunRouteParts): Hono {
  const { runs, laboratories } = parts;
  const routes = new Hono();
  const runOf = (context: Context) => runOfRequest(runs, context);

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
  routes.get("/:id/curves", async (context) => context.json(await curvesBeside(runOf(context), runs.list())));
  routes.get("/:id/events", (context) => streamRun(context, runOf(context)));
  routes.route("/", createQuestionRoutes(parts));
  routes.route("/", createResultRoutes(parts));
  return routes;
}

async function describeRun(run: Run): Promise<RunDetail> {
  const { record, status, log } = run;
  const { request, headsPerLayer, headGroups } = record;
  // Read together with the decisions, without a pause between: the stream continues exactly here.
  const told = { decisions: log.decisions(), sequence: log.length, step: log.last("step")?.step };
  const detail = {
    ...{ ...summarizeRun(run), request, layers: headsPerLayer.length, headsPerLayer, ...told },
    ...(headGroups && { headGroups }),
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
