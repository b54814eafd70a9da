/** The routes below /api/runs/:id that ask a finished circuit questions, through its laboratory. */
import { type Context, Hono } from "hono";
import { PithError } from "../../errors.ts";
import type { Laboratories } from "../laboratory/laboratories.ts";
import type { Laboratory } from "../laboratory/laboratory.ts";
import { bodies, readBody } from "../request-bodies.ts";
import { expectCircuit } from "./run.ts";
import { expectResult } from "./run-folder.ts";
import { runOfRequest } from "./run-of-request.ts";
import type { Runs } from "./runs.ts";

export interface QuestionRouteParts {
  readonly runs: Runs;
  readonly laboratories: Laboratories;
}

export function createQuestionRoutes({ runs, laboratories }: QuestionRouteParts): Hono {
  const routes = new Hono();
  const ask = async <T extends object>(
    context: Context,
    question: (laboratory: Laboratory) => Promise<T>,
  ): Promise<Response> => {
    const run = runOfRequest(runs, context);
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
  routes.get("/:id/rankings/:name", (context) =>
    ask(context, (laboratory) => laboratory.ranking(context.req.param("name"))),
  );
  return routes;
}
