/** Schemas of the requests that pages send. Every field is checked before anything uses it. */
import type { Context } from "hono";
import { z } from "zod";
import { firstPositionChoices } from "../discovery/first-position.ts";
import { headsAndNeurons, knownSearchUnits } from "../discovery/search-units.ts";
import { greedySchema } from "../discovery/searches/greedy/greedy.ts";
import { PithError } from "../errors.ts";
import { parseJson } from "../files/json.ts";
import { memoryRange } from "../jobs/extract/extract-options.ts";
import { seedRange } from "../number-range.ts";
import { numberSchema } from "../number-schema.ts";
import { builtinTaskNames } from "../tasks/builtin/builtin-task.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import type { RunOptions, RunRequest, TaskSource } from "./api.ts";
import { mostThresholds } from "./limits.ts";

/** The limit for any body, in bytes. */
export const largestBody = 8 * 2 ** 20;

const seed = numberSchema(seedRange);
const alpha = greedySchema.shape.alpha.unwrap();
const order = greedySchema.shape.order.unwrap();
const ablation = z.enum(["mean", "zero"]);

/** What the studio's searches can try as one candidate: neurons are for searches by gates, which it does not run. */
const offeredUnits = knownSearchUnits()
  .map(({ name }) => name)
  .filter((name) => name !== headsAndNeurons.name);

const options = z.strictObject({
  alpha,
  ablation,
  mlps: z.boolean(),
  means: z.enum(["aligned", "pooled"]),
  order,
  seed,
  bos: z.boolean().optional(),
  chat: z.boolean().optional(),
  components: z
    .string()
    .refine((name) => offeredUnits.includes(name), `must be one of ${offeredUnits.join(", ")}`)
    .optional(),
  earlyExit: z.boolean().optional(),
  memory: numberSchema(memoryRange).optional(),
  valueBias: z.enum(["removed", "kept"]).optional(),
  firstPosition: z.enum(firstPositionChoices).optional(),
  allowWeak: z.boolean().optional(),
}) satisfies z.ZodType<RunOptions>;

/** A path, or a name on the hub; permission is checked where it is opened. */
const model = z
  .string()
  .max(1024)
  .refine((text) => !/\p{Cc}/u.test(text), "must hold no control characters");

/** It becomes a file's name, so it must be a name and not a path. */
const taskName = z
  .string()
  .min(1)
  .max(80)
  .regex(/^[^./\\<>:"|?*\p{C}][^/\\<>:"|?*\p{C}]*$/u, "must be a name: no slashes, no control characters");

const task = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("builtin"), name: z.enum(builtinTaskNames) }),
  z.strictObject({
    kind: z.literal("text"),
    name: taskName,
    format: z.enum(["jsonl", "csv"]),
    text: z.string(),
  }),
]) satisfies z.ZodType<TaskSource>;

const component = z.int().min(0).max(100_000);
const prompt = z.string().min(1, "must not be empty").max(100_000);

/** The components that are kept. */
const kept = z.strictObject({
  heads: z.array(z.tuple([component, component])).max(100_000),
  mlps: z.array(component).max(100_000),
  neurons: z
    .array(z.tuple([component, z.array(component).max(100_000)]))
    .max(100_000)
    .exactOptional(),
});

const sweep = {
  alphas: z.array(alpha).min(1).max(mostThresholds),
  ablations: z.array(ablation).min(1).max(2),
  mlps: z.array(z.boolean()).min(1).max(2),
  seeds: z.array(seed).min(1).max(50),
};

export const bodies = {
  model: z.strictObject({ model }),
  task: z.strictObject({ model, task, options }),
  estimate: z.strictObject({ model, task, options, sweep: z.strictObject(sweep).optional() }),
  run: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("extract"),
      ...{ model, task, options },
      search: z.literal("learned").optional(),
    }),
    z.strictObject({
      kind: z.literal("sweep"),
      ...{ model, task, options },
      ...sweep,
    }),
  ]) satisfies z.ZodType<RunRequest>,
  prompt: z.strictObject({ prompt }),
  patterns: z.strictObject({ prompt, kept: kept.transform((lists) => circuitOfLists(lists)).optional() }),
  attribution: z.strictObject({
    prompt,
    answer: z.string().min(1).max(1000).optional(),
    kept: kept.transform((lists) => circuitOfLists(lists)).optional(),
  }),
  knock: kept
    .extend({ prompt })
    .transform(({ prompt, ...lists }) => ({ prompt, kept: circuitOfLists(lists) })),
};

/** @throws PithError "options" that names the field. */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  const value = parseJson(text, "options", {}, "the request");
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join(".") ?? "";
  throw new PithError("options", issue?.message ?? "is malformed", { place: field === "" ? {} : { field } });
}
