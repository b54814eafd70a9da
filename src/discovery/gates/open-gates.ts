/** Opens a model with gates on the patching and the validation prompts of a search. */
import type { Runtime } from "../../runtime/runtime.ts";
import { bodySize } from "../../transformer/circuit-size.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { createGateEngine, type GateEngine } from "./gate-engine.ts";
import type { GateMeans } from "./gate-passes.ts";
import { type GatedModel, gatedModelOf } from "./gated-model.ts";
import type { GatedPrompt } from "./gated-prompt.ts";

/** A model with gates, in the form of searches and in that of rankings. Closing the model closes both. */
export interface OpenGates {
  /** What searches use. */
  readonly gated: GatedModel;
  /** What rankings use beside it. @internal */
  readonly engine: GateEngine;
}

interface OpenGatesOptions {
  /**
   * Whether weights stay loaded between runs, for those that are run hundreds of times; that takes about eight times their
   * size. Left out: where the layers' weights in float32 take less than 1 GiB.
   */
  readonly holds?: boolean | undefined;
  readonly tokensPerBatch?: number | undefined;
}

export function openGates(
  runtime: Runtime,
  model: Transformer,
  { patching, validation }: Readonly<Record<"patching" | "validation", readonly GatedPrompt[]>>,
  means: GateMeans,
  { holds = 4 * bodySize(model) < 2 ** 30, tokensPerBatch }: OpenGatesOptions = {},
): OpenGates {
  const prompts = [...patching, ...validation];
  const engine = createGateEngine(runtime, model, prompts, means, { holds, tokensPerBatch });
  return { engine, gated: gatedModelOf(engine, patching.length) };
}
