/** Finds the run that a request below /api/runs/:id names. */
import type { Context } from "hono";
import { noRun, type Run } from "./run.ts";
import { runIdPattern } from "./run-folder.ts";
import type { Runs } from "./runs.ts";

export function runOfRequest(runs: Runs, context: Context): Run {
  const id = context.req.param("id") ?? "";
  if (!runIdPattern.test(id)) throw noRun(id);
  return runs.get(id);
}
