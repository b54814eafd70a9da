/**
 * The studio's routes. All of them are behind `secure`, and every answer that is not a success is an ApiError.
 */
import { availableParallelism, totalmem } from "node:os";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { packageVersion } from "../files/package-files.ts";
import { defaultExtractOptions } from "../jobs/extract/extract-options.ts";
import { BUILTIN_TASKS } from "../tasks/builtin/index.ts";
import { answerError } from "./answer-error.ts";
import type { ApiError, PreflightResult, StudioInfo } from "./api.ts";
import { checkTask } from "./check-task.ts";
import { estimate } from "./estimate.ts";
import type { Laboratories } from "./laboratory/laboratories.ts";
import { type Models, summarizeModel } from "./models.ts";
import type { OneTimeCodes } from "./one-time-codes.ts";
import { servePages } from "./pages.ts";
import { preflightTask } from "./preflight-task.ts";
import { bodies, largestBody, readBody } from "./request-bodies.ts";
import { createRunRoutes } from "./runs/run-routes.ts";
import type { Runs } from "./runs/runs.ts";
import { secure } from "./security.ts";
import { createSharedSites } from "./shared-site.ts";

export interface AppParts {
  readonly token: string;
  readonly codes: OneTimeCodes;
  readonly port: () => number;
  readonly models: Models;
  readonly runs: Runs;
  readonly laboratories: Laboratories;
  /** The folder of built pages. */
  readonly pages: string;
  readonly threads: number | undefined;
}

export function createStudioApp({ token, codes, port, pages, ...parts }: AppParts): Hono {
  const { models, threads } = parts;
  const app = new Hono();
  app.use(secure({ token, codes, port }));
  app.use(
    bodyLimit({
      maxSize: largestBody,
      onError: (context) =>
        context.json(
          {
            error: {
              code: "size",
              message: `A request may have ${largestBody / 2 ** 20} MiB at most.`,
            },
          } satisfies ApiError,
          413,
        ),
    }),
  );
  app.onError(answerError);
  app.notFound((context) =>
    context.json(
      { error: { code: "path", message: "There is nothing at this address." } } satisfies ApiError,
      404,
    ),
  );

  app.get("/api/info", async (context) => context.json(await describeStudio(models)));
  app.post("/api/models", async (context) => {
    const { model } = await readBody(context, bodies.model);
    const opened = await models.open(model);
    return context.json(summarizeModel(model, opened));
  });
  app.post("/api/tasks", async (context) => {
    const { model, task, options } = await readBody(context, bodies.task);
    const { signal } = context.req.raw;
    return context.json(await checkTask(task, await models.open(model), options, signal));
  });
  app.post("/api/preflight", async (context) => {
    const { model, task, options } = await readBody(context, bodies.task);
    const { signal } = context.req.raw;
    const opened = await models.open(model);
    const found = await preflightTask(task, opened, options, { threads, signal });
    return context.json(found satisfies PreflightResult);
  });
  app.post("/api/estimate", async (context) => {
    const { model, ...job } = await readBody(context, bodies.estimate);
    return context.json(await estimate(await models.open(model), { ...job, threads }));
  });
  app.route("/api/runs", createRunRoutes({ ...parts, sites: createSharedSites(models) }));
  app.all("/api/*", (context) => context.notFound());
  app.use(servePages(pages));
  return app;
}

async function describeStudio(models: Models): Promise<StudioInfo> {
  const { alpha, ablation, mlps, means, order, seed } = defaultExtractOptions;
  return {
    pith: packageVersion(),
    embeddedModel: summarizeModel("", await models.open("")),
    builtinTasks: BUILTIN_TASKS,
    defaults: { alpha, ablation, mlps, means, order, seed },
    machine: { cores: availableParallelism(), memoryBytes: totalmem() },
  };
}
