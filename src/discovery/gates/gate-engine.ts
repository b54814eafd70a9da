/**
 * Runs a model with gates on its prompts: the passes over layers joined with the losses at the answer positions. Gated
 * models and rankings are made of it.
 */
import type { Loss, LossOperators } from "../../lowering/loss-stages.ts";
import type { HostTensor, Runtime } from "../../runtime/runtime.ts";
import { gateShapeOf, uniformGates } from "../../transformer/gates.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type Batch, makeBatches, tokensAtOnce } from "../batch.ts";
import { embedBatches } from "../embedding.ts";
import { type AnswerRows, answerRows, gatherRows } from "../evaluator/answer-rows.ts";
import {
  type GateMeans,
  gatesForm,
  type PassForm,
  type PassTools,
  passBack,
  passForward,
  type VisitGradient,
} from "./gate-passes.ts";
import type { GatedPrompt } from "./gated-prompt.ts";
import { type AnswerStreams, createRowLosses, type ProbeSigns, type RowLosses } from "./row-losses.ts";
import { createSessionShelf } from "./session-shelf.ts";

/** Some prompts in batches, with their residual streams before the first layer. */
export interface PromptBatches {
  /** The prompts' numbers; the batches' members are places in this list. */
  readonly prompts: readonly number[];
  readonly batches: readonly Batch[];
  readonly embedded: readonly HostTensor[];
}

/** What a backward pass starts from. */
export type Objective =
  | { readonly kind: "loss"; readonly loss: Loss; readonly operators?: LossOperators }
  | { readonly kind: "probe"; readonly signs: ProbeSigns };

/** One pass: its prompts, the form of its layers, and what ends it early. */
interface Pass {
  readonly taken: PromptBatches;
  readonly form: PassForm;
  readonly signal?: AbortSignal | undefined;
}

export interface GateEngine {
  readonly tools: PassTools;
  readonly prompts: readonly GatedPrompt[];
  /** @param prompts their numbers, in any order; left out: all. */
  take(prompts?: readonly number[]): Promise<PromptBatches>;
  losses(pass: Pass, loss: Loss): Promise<Float64Array>;
  predictions(pass: Pass): Promise<Int32Array>;
  /**
   * @param wrt names of inputs of the form's graphs. @param visit gets the gradients; batches' members are places among
   * the prompts taken.
   * @returns the losses, of an objective that is one.
   */
  differentiate(
    pass: Pass,
    objective: Objective,
    wrt: readonly string[],
    visit: VisitGradient,
  ): Promise<Float64Array>;
  close(): Promise<void>;
}

interface GateEngineOptions {
  /** Whether weights stay loaded between passes. */
  readonly holds: boolean;
  readonly tokensPerBatch?: number | undefined;
}

export function createGateEngine(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly GatedPrompt[],
  means: GateMeans,
  { holds, tokensPerBatch = tokensAtOnce(runtime) }: GateEngineOptions,
): GateEngine {
  const shelf = createSessionShelf(runtime, holds);
  const tools: PassTools = { runtime, model, means, shelf, kindSets: [] };
  const scored = prompts.map(({ accepted }) => accepted.length);
  let embeddings: Promise<readonly Float32Array[]> | undefined;

  const take = async (asked: readonly number[] = [...prompts.keys()]): Promise<PromptBatches> => {
    embeddings ??= embedEach(model, prompts);
    const known = await embeddings;
    const batches = makeBatches(
      asked.map((prompt) => prompts[prompt]?.ids ?? []),
      tokensPerBatch,
    );
    const embedded = batches.map((batch) =>
      stack(batch, model.width, (member) => known[asked[member] ?? -1]),
    );
    return { prompts: asked, batches, embedded };
  };
  const rowsOfTaken = ({ prompts: asked, batches }: PromptBatches): AnswerRows =>
    answerRows(
      batches,
      asked.map((prompt) => scored[prompt] ?? 1),
    );
  /** Runs forward, and hands the streams over before it releases them. */
  const forward = async <T>(
    { taken, form, signal }: Pass,
    streams: "all" | "last",
    use: (answers: AnswerStreams, all: Awaited<ReturnType<typeof passForward>>) => Promise<T>,
    by = tools,
  ): Promise<T> => {
    const all = await passForward(by, form, taken.batches, taken.embedded, streams, signal);
    try {
      const [rows = new Float32Array()] = await gatherRows(
        runtime,
        rowsOfTaken(taken),
        model.width,
        all.at(-1) ?? [],
        taken.batches,
      );
      return await use({ prompts: taken.prompts, rows }, all);
    } finally {
      await runtime.release(...all.flat());
    }
  };
  const original = async (): Promise<Float32Array<ArrayBuffer>> => {
    const taken = await take();
    // Once only, so that its weights are not kept.
    const once: PassTools = { ...tools, shelf: createSessionShelf(runtime, false), kindSets: [] };
    const form = gatesForm(once, uniformGates(gateShapeOf(model), 1), taken.batches);
    return forward({ taken, form }, "last", async ({ rows }) => rows, once);
  };
  const losses: RowLosses = createRowLosses(tools, prompts, original);

  return {
    tools,
    prompts,
    take,
    losses: (pass, loss) => forward(pass, "last", (answers) => losses.losses(answers, loss)),
    predictions: (pass) => forward(pass, "last", (answers) => losses.predictions(answers)),
    differentiate: (pass, objective, wrt, visit) =>
      forward(pass, "all", async (answers, streams) => {
        const { losses: values, upstream } = await upstreamOf(losses, answers, objective);
        const rows = rowsOfTaken(pass.taken);
        const tensors = pass.taken.batches.map((batch) => placeRows(batch, rows, upstream, model.width));
        const held = await Promise.all(tensors.map((tensor) => runtime.upload(tensor)));
        await passBack(tools, pass.form, pass.taken.batches, streams, held, wrt, visit, pass.signal);
        return values;
      }),
    close: () => shelf.close(),
  };
}

async function upstreamOf(
  losses: RowLosses,
  answers: AnswerStreams,
  objective: Objective,
): Promise<{ readonly losses: Float64Array; readonly upstream: Float32Array }> {
  switch (objective.kind) {
    case "loss":
      return losses.gradients(answers, objective.loss, objective.operators);
    case "probe":
      return { losses: new Float64Array(), upstream: await losses.probe(answers, objective.signs) };
  }
}

/** Gradients at answer positions as gradients of whole streams, which are zero elsewhere. */
function placeRows(
  { members, length }: Batch,
  { ofPrompt }: AnswerRows,
  upstream: Float32Array,
  width: number,
): HostTensor {
  const data = new Float32Array(members.length * length * width);
  for (const [place, member] of members.entries()) {
    const { start = 0, end = 0 } = ofPrompt[member] ?? {};
    data.set(upstream.subarray(start * width, end * width), ((place + 1) * length - (end - start)) * width);
  }
  return { type: "float32", shape: [members.length, length, width], data };
}

/** Each prompt's stream before the first layer, [length, d]. */
async function embedEach(
  model: Transformer,
  prompts: readonly GatedPrompt[],
): Promise<readonly Float32Array[]> {
  const batches = makeBatches(prompts.map(({ ids }) => ids));
  const each: Float32Array[] = [];
  for (const [index, { data }] of (await embedBatches(model, batches)).entries()) {
    const { members = [], length = 0 } = batches[index] ?? {};
    const size = length * model.width;
    for (const [place, member] of members.entries()) {
      each[member] = Float32Array.from(data.subarray(place * size, (place + 1) * size) as Float32Array);
    }
  }
  return each;
}

function stack(
  { members, length }: Batch,
  width: number,
  streamOf: (member: number) => Float32Array | undefined,
): HostTensor {
  const data = new Float32Array(members.length * length * width);
  for (const [place, member] of members.entries()) data.set(streamOf(member) ?? [], place * length * width);
  return { type: "float32", shape: [members.length, length, width], data };
}
