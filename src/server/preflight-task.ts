/** The preflight of a task from a page, before the run is started. */
import type { Model } from "../jobs/load-model.ts";
import { type PreflightOptions, preflight } from "../jobs/preflight/preflight.ts";
import type { Preflight } from "../jobs/preflight/preflight-result.ts";
import type { RunOptions, TaskSource } from "./api.ts";
import { encodeAhead, taskOfSource } from "./tasks.ts";

/** @throws PithError "task"; the signal's reason when nobody waits for it any more. */
export async function preflightTask(
  source: TaskSource,
  model: Model,
  options: RunOptions,
  { threads, signal }: Pick<PreflightOptions, "threads" | "signal">,
): Promise<Preflight> {
  const task = await taskOfSource(source, model, options);
  const tokenizer = await encodeAhead(task.examples, model.tokenizer, signal);
  const { means, seed, bos, chat } = options;
  const start = { ...(bos !== undefined && { bos }), ...(chat !== undefined && { chat }) };
  return preflight({ ...model, tokenizer }, task, { means, seed, ...start, threads, signal });
}
