/**
 * How much does the model lose without this component? This module answers that for one layer after another, last
 * to first, and does not compute again what cannot have changed:
 *
 * 1. Layers below the one on trial are as the search found them, so the residual stream before it comes from one
 *    pass over the validation prompts, made once. No candidate runs a layer below its own.
 * 2. Attention inside the layer (scores, softmax, z) does not depend on which of its heads are kept: a head's
 *    write is z_h·W_O^h, and subtracting it costs one small product. Attention runs once a layer.
 * 3. The layers above are decided and small; they are sent to the runtime when they are decided (`upper.ts`).
 * 4. Above the highest kept head only the answer position is computed: nothing reads the others. (An answer of
 *    several tokens has several; then all positions are.)
 * 5. Unembedding and KL run at the answer positions, in the graph (`scorer.ts`).
 *
 * The first walk down the layers starts from the original. A later one starts from a circuit: then the pass over
 * the validation prompts is the circuit's, while KL is still measured against the original.
 */

import type { Queries } from "../../lowering/attention.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type Circuit, wholeCircuit } from "../../transformer/circuit.ts";
import { shapeOf } from "../../transformer/component.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type Batch, makeBatches, tokensAtOnce } from "../batch.ts";
import { zeroConstant } from "../constant.ts";
import { type ForwardOptions, forward, layerBytes } from "../forward.ts";
import type { Replacements } from "../replacements.ts";
import { dropStreams, takeStreams, type WaitingStream } from "../waiting-streams.ts";
import { hardestFirst } from "./hardest-first.ts";
import type { ProductsUse } from "./head-products.ts";
import { circuitGates, keptLayer } from "./kept-layer.ts";
import { createLayerLoader } from "./layer-loader.ts";
import { keepLayer, type LayerTrial, openLayer, type TrialContext } from "./layer-trial.ts";
import { createScorer, type VisitAnswers } from "./scorer.ts";
import { createStageKeeper } from "./stage-keeper.ts";
import { streamsBelow } from "./streams-below.ts";
import { emptyUpper, type Upper } from "./upper.ts";

/** Measures what the model loses without a component, layer by layer, from the last to the first. */
export interface Evaluator {
  /** The original's most likely next token after each validation prompt's last position. */
  readonly predictions: readonly number[];
  /** How many times each validation prompt counts in a mean; left out: once. */
  readonly weights?: readonly number[] | undefined;
  /** The upper of the last layer, which is empty. */
  readonly top: Upper;
  /**
   * Puts a layer on trial: runs its attention, at all positions or at the last, as `upper` needs. The trial
   * serves every upper with the same `readsAll`. Layers must be opened last to first; a second trial of a
   * layer must be opened before the first one ends.
   * @param next the layer that is opened after this one, whose weights are read meanwhile: by default the one
   * below; −1 for none.
   * @param hardness of each prompt: where given, the trial takes the hardest prompts first.
   * @throws RangeError if the layer's trials have ended.
   */
  openLayer(layer: number, upper: Upper, next?: number, hardness?: Float64Array): Promise<LayerTrial>;
  /**
   * Puts the layer below `upper` unchanged, without a trial. After that, only this `upper` may be used.
   * @throws RangeError if the layer's trials have ended.
   */
  keepLayer(layer: number, upper: Upper): Promise<Upper>;
  /**
   * Begins another walk down the layers, from this circuit; trials and uppers of the previous walk become
   * invalid.
   */
  restart(circuit: Circuit, signal?: AbortSignal): Promise<void>;
  /**
   * KL(original ‖ circuit) for each prompt, by a pass of its own that shares nothing with trials.
   * @param visit gets the circuit's logits.
   */
  measure(circuit: Circuit, visit?: VisitAnswers, signal?: AbortSignal): Promise<Float64Array>;
  /** Releases everything, however the search ended; every opened trial must have ended. */
  close(): Promise<void>;
}

/** The part of an evaluator that one walk down the layers needs. */
export type LayerEvaluator = Pick<Evaluator, "top" | "weights" | "openLayer" | "keepLayer"> &
  Partial<Pick<Evaluator, "measure">>;

export interface EvaluatorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tokensPerBatch?: number | undefined;
  /** How many of each prompt's last positions are the answer's; by default one. */
  readonly scored?: readonly number[] | undefined;
  /**
   * How many tokens of candidates go through the graphs at once, if candidates of a layer are tried together; 0:
   * they are tried one after another. Left out: chosen for the device.
   */
  readonly tokensTogether?: number | undefined;
  /**
   * Whether the MLP of a candidate is computed from products of the stream (`head-products.ts`). Left out: where that
   * saves operations.
   */
  readonly products?: ProductsUse;
}

/** @param prompts the validation prompts' token ids; under aligned means all of the replacements' length. */
export async function createEvaluator(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  replacements: Replacements,
  options: EvaluatorOptions = {},
): Promise<Evaluator> {
  const batches = makeBatches(prompts, options.tokensPerBatch ?? tokensAtOnce(runtime));
  const residuals = await forward(runtime, model, batches, { keepFrom: 0, signal: options.signal });
  return evaluatorFrom(runtime, model, batches, residuals, replacements, options);
}

/**
 * @param residuals the residual stream before each layer and after the last, [layers + 1][batches]; it is
 * dropped here. @param means may still be computed.
 */
export async function evaluatorFrom(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  residuals: readonly (readonly WaitingStream[])[],
  means: Replacements | Promise<Replacements>,
  {
    scored,
    tokensTogether = runtime.device === "webgpu" ? tokensAtOnce(runtime) : 0,
    products,
  }: Pick<EvaluatorOptions, "scored" | "tokensTogether" | "products"> = {},
): Promise<Evaluator> {
  const final = await takeStreams(runtime, residuals.at(-1) ?? []);
  const scorer = await createScorer(runtime, model, batches, final, scored);
  await runtime.release(...final);
  const replacements = await means;
  const whole = wholeCircuit(shapeOf(model));
  let start = whole;
  let below = streamsBelow(runtime, residuals.slice(0, -1));
  const manner = { rows: replacements.rows, together: tokensTogether > 0, products, batches };
  const keptOf = (layer: number, queries: Queries) => keptLayer(model, start, replacements, layer, queries);
  const bytesOf = (layer: number) => layerBytes(model, layer);
  const context: TrialContext = {
    ...{ runtime, width: model.width, replacements, scorer, tokensTogether },
    layers: createLayerLoader(runtime, model.width, manner, keptOf, bytesOf),
    stages: createStageKeeper(),
  };
  const endWalk = async () => {
    await below.dropAll();
    await context.stages.keepOnly([], []);
    await context.layers.close();
  };
  const run = (circuit: Circuit, options: ForwardOptions) =>
    forward(runtime, model, batches, {
      ...options,
      ...(circuit !== whole && { gates: circuitGates(model, circuit, replacements) }),
    });

  return {
    predictions: scorer.predictions,
    // The last position of a prompt of one token is its first one too, where other constants may join.
    top: emptyUpper(
      replacements.rows,
      model.width,
      scorer.readsAll || (replacements.rows.kind === "apart" && batches.some(({ length }) => length === 1)),
    ),
    async openLayer(layer, upper, next = layer - 1, hardness) {
      const { tensors, release } = await below.open(layer);
      const given = { batches, residual: tensors };
      const prompts = await hardestFirst(runtime, given, upper, hardness);
      return openLayer(context, layer, prompts, upper, next < 0 ? undefined : next, async () => {
        if (prompts !== given) await runtime.release(...prompts.residual);
        await release();
      });
    },
    async keepLayer(layer, upper) {
      below.require(layer);
      await below.drop(layer);
      return keepLayer(context, (queries) => keptLayer(model, start, replacements, layer, queries), upper);
    },
    async restart(circuit, signal) {
      await endWalk();
      start = circuit;
      const streams = await run(circuit, { keepFrom: 0, signal });
      await dropStreams(runtime, streams.at(-1) ?? []);
      below = streamsBelow(runtime, streams.slice(0, -1));
    },
    async measure(circuit, visit, signal) {
      const [end = []] = await run(circuit, { signal });
      const last = await takeStreams(runtime, end);
      const kl = await scorer.score(last, zeroConstant({ kind: "one" }, model.width), batches, visit);
      await runtime.release(...last);
      return kl;
    },
    async close() {
      await endWalk();
      await scorer.close();
    },
  };
}
