/**
 * One layer on trial. A state is a choice of the layer's kept components. States are values: a caller may hold
 * several, as a sweep over thresholds does. Shared work is done once: a state's own layer runs once for all
 * uppers, equal choices become one session, and stages that several uppers share run once too.
 *
 * All terms that do not depend on the prompt (b_O, b_2, replacements) are one constant before each reader; it is
 * added in JavaScript, at no cost for a candidate.
 */

import type { Queries } from "../../lowering/attention.ts";
import type { KeptPart } from "../../lowering/kept-part.ts";
import { keptParts } from "../../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import {
  type Component,
  componentInWords,
  type LayerComponents,
  layerWithout,
} from "../../transformer/component.ts";
import type { PositionRows } from "../../transformer/position-rows.ts";
import type { Mlp } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { addConstants, type Constant, zeroConstant } from "../constant.ts";
import type { Replacements } from "../replacements.ts";
import { runTrialAttention } from "./attention-run.ts";
import { type KlSoFar, klBelowEach, klUntil, type TrialTop } from "./candidate-kl.ts";
import { klOfChoices } from "./choices.ts";
import { type HeadProducts, openHeadProducts, unloadProducts } from "./head-products.ts";
import { isJoined, openJoinedLayer } from "./joined-layer.ts";
import { type KeptLayer, leftByHeads } from "./kept-layer.ts";
import { layerBelow } from "./layer-below.ts";
import type { LayerLoader } from "./layer-loader.ts";
import type { Scorer, VisitAnswers } from "./scorer.ts";
import { sameParts } from "./shared-stages.ts";
import { createSharedTensors } from "./shared-tensors.ts";
import type { StageKeeper } from "./stage-keeper.ts";
import { addBelow, mlpBelow, runStage, type Stage, type Upper } from "./upper.ts";

/** A choice of one layer's kept components. */
export interface LayerChoice extends LayerComponents {
  /** b_O and the replacements of pruned heads. */
  readonly constant: Constant;
}

/** A choice whose residual stream is computed. Release each one with `discard`. */
export interface LayerState extends LayerChoice {
  /** For each batch the residual stream after the kept heads, without constants. @internal */
  readonly base: readonly DeviceTensor[];
  /** With W_1, where candidates' MLPs are computed from them. @internal */
  readonly products?: HeadProducts | undefined;
}

/** A layer on trial: it measures what the model loses without one of the layer's components. */
export interface LayerTrial {
  /** The remaining part of the layer: all of it, in a search's first walk. */
  readonly start: LayerState;
  /** The choice without one component; nothing is computed. */
  less(choice: LayerChoice, component: Component): LayerChoice;
  /** The same, computed. */
  without(state: LayerState, component: Component): Promise<LayerState>;
  /**
   * KL(original ‖ this state) for each prompt, in nats; mean over its answer positions.
   * @param visit gets the logits of this state.
   */
  kl(state: LayerState, upper: Upper, visit?: VisitAnswers): Promise<Float64Array>;
  /**
   * The same, but group by group, and only until enough is known. The groups are the trial's, the hardest prompts first
   * if it was opened so.
   * @param enough is asked after each group.
   */
  klUntil(state: LayerState, upper: Upper, enough: (found: KlSoFar) => boolean): Promise<KlSoFar>;
  /**
   * The same below each of several uppers, as pairs of an index into them and the KL, in any order: the layer's
   * own part runs once for all, and so do stages that several uppers share.
   */
  klBelowEach(
    state: LayerState,
    uppers: readonly Upper[],
  ): AsyncGenerator<readonly [index: number, kl: Float64Array], void>;
  /**
   * KL(original ‖ choice) for each of several choices that all keep the MLP, or all don't, computed together: for
   * devices that take longer to start a small computation than to do it. Left out if nothing is tried together.
   * @returns for each choice the KL of each prompt, in nats.
   */
  klOfEach?(choices: readonly LayerChoice[], upper: Upper): Promise<readonly Float64Array[]>;
  /** Puts the decided layer below `upper`. */
  close(choice: LayerChoice, upper: Upper): Promise<Upper>;
  /** Releases the tensors of a state. */
  discard(state: LayerState): Promise<void>;
  /** Releases everything that only this trial needs, and all sessions that none of `alive` uses. */
  end(alive: readonly Upper[]): Promise<void>;
}

/** The prompts that a layer is tried on. */
export interface TrialPrompts {
  readonly batches: readonly Batch[];
  /** The stream before the layer, for each batch. */
  readonly residual: readonly DeviceTensor[];
}

/** Tools that the trials of all layers share. */
export interface TrialContext {
  readonly runtime: Runtime;
  readonly width: number;
  readonly replacements: Replacements;
  readonly scorer: Scorer;
  readonly layers: LayerLoader;
  readonly stages: StageKeeper;
  /** How many tokens of choices that are tried together go through the graphs at once; 0: none are. */
  readonly tokensTogether: number;
}

/**
 * @param prompts the stream before the layer; `releaseResidual` releases it.
 * @param next the layer that is opened after this one.
 */
export async function openLayer(
  context: TrialContext,
  layer: number,
  { batches, residual }: TrialPrompts,
  upper: Upper,
  next: number | undefined,
  releaseResidual: () => Promise<void>,
): Promise<LayerTrial> {
  const { runtime, replacements, layers, stages } = context;
  const rows = replacements.rows.kind;
  const queries: Queries = upper.readsAll ? "all" : "last";
  const { kept, sessions: own } = await layers.take(layer, queries, next);
  const heads = kept.attention && own.attention && { attention: kept.attention, session: own.attention };
  const ran = await runTrialAttention(runtime, heads, batches, residual, queries);
  await own.attention?.unload();

  const { mlp } = kept;
  const { removals } = own;
  const stageOf = sharedStages(runtime, context.width, rows);
  const mlpHere: Stage | undefined = own.mlp &&
    mlp && { session: own.mlp, positions: queries, parts: [{ kind: "mlp", mlp }] };
  let mlpLoaded: Promise<Stage> | undefined;
  const mlpStage = (part: Mlp): Stage | Promise<Stage> => {
    if (mlpHere !== undefined) return mlpHere;
    mlpLoaded ??= stageOf.stage([{ kind: "mlp", mlp: part }], queries);
    return mlpLoaded;
  };
  const joined = isJoined(kept)
    ? await openJoinedLayer(runtime, kept, context.width, replacements.rows, ran, batches, residual, queries)
    : undefined;
  const top: TrialTop = {
    groups: ran.groups,
    mlp:
      mlp === undefined || kept.arrangement === "parallel"
        ? undefined
        : async ({ products }, x, constant, group) =>
            products?.saves()
              ? products.mlp(x, constant, group)
              : runStage(
                  { stage: await mlpStage(mlp), constants: [constant] },
                  x,
                  ran.groups[group]?.length ?? 0,
                ),
    afterMlp: (stays) => (stays ? kept.mlpConstant : replacements.mlp(layer)),
    joined,
  };

  // States that keep the same heads share one base.
  const bases = createSharedTensors(runtime);
  // A layer without heads starts from the residual stream itself, which other trials may read.
  if (ran.sum === residual) bases.hold(residual);
  const state = (fields: LayerState): LayerState => {
    bases.hold(fields.base);
    return fields;
  };
  const less = (choice: LayerChoice, component: Component) =>
    choiceWithout(choice, component, replacements, layer);
  // A joined layer's stream is computed from `x` and `z` each time; its own sum is not needed.
  if (joined && ran.sum !== residual) await runtime.release(...ran.sum);
  const whole: LayerState = {
    constant: kept.attention ? kept.attentionConstant : await leftByHeads(kept, kept.attentionConstant),
    ...{ heads: kept.heads, mlp: mlp !== undefined },
    base: joined ? [] : ran.sum,
  };
  const products =
    own.products &&
    openHeadProducts(
      runtime,
      {
        ...{ sessions: own.products, queries, groups: ran.groups, z: ran.z },
        replacements: kept.heads.map((head) => replacements.head(layer, head)),
      },
      whole.base,
      whole.constant,
    );
  // The whole layer's stream is what products, and choices that are tried together, are made from.
  const stays = (removals ?? products) && state({ ...whole });
  const discard = async (dropped: LayerState) => {
    await bases.drop(dropped.base);
    await dropped.products?.drop();
  };
  const baseWithout = async (base: LayerState["base"], component: Component): Promise<LayerState["base"]> => {
    if (joined) return base;
    switch (component.kind) {
      case "head":
        if (own.removal === undefined) throw new RangeError(`layer ${layer} has no heads`);
        return removeFrom(base, ran.z, own.removal, kept.heads.indexOf(component.head));
      case "mlp":
        return base;
      case "neuron":
        throw notTried(component);
    }
  };

  return {
    start: state({ ...whole, products: products?.start }),
    less,
    without: async (from, component) =>
      state({
        ...less(from, component),
        base: await baseWithout(from.base, component),
        products:
          component.kind === "head" ? from.products?.less(kept.heads.indexOf(component.head)) : undefined,
      }),
    ...(removals !== undefined && {
      klOfEach(choices, above) {
        const here = choices.every((choice) => choice.mlp) ? mlpHere : undefined;
        const after = addBelow(above, top.afterMlp(here !== undefined));
        // The stacked choices already contain their constants.
        const rest = here ? mlpBelow(after, here, zeroConstant(replacements.rows, context.width)) : after;
        const { z, sum: base, groups } = ran;
        return klOfChoices(
          context,
          { attention: kept.attention, removals, base, z, queries, groups },
          choices,
          rest,
        );
      },
    }),
    klUntil: (candidate, above, enough) => klUntil(context, top, candidate, above, enough),
    klBelowEach: (candidate, uppers) => klBelowEach(context, top, candidate, uppers),
    async kl(candidate, above, visit) {
      for await (const [, kl] of klBelowEach(context, top, candidate, [above], visit)) return kl;
      throw new TypeError("a candidate without a KL");
    },
    close: (decided, above) =>
      layerBelow(above, {
        ...{ kept, queries, attention: kept.attention },
        ...{ heads: decided.heads, constant: decided.constant, mlp: decided.mlp ? mlp : undefined },
        mlpStage: mlpHere,
        afterMlp: top.afterMlp(decided.mlp),
        stageOf: stageOf.stage,
      }),
    discard,
    async end(alive) {
      await runtime.release(...ran.z);
      if (stays) await discard(stays);
      await releaseResidual();
      await own.removal?.unload();
      await own.removals?.unload();
      await products?.close();
      if (own.products) await unloadProducts(own.products);
      await joined?.close();
      await stages.keepOnly([...(mlpHere ? [mlpHere] : []), ...stageOf.made], alive);
    },
  };
}

function choiceWithout(
  choice: LayerChoice,
  component: Component,
  replacements: Replacements,
  layer: number,
): LayerChoice {
  switch (component.kind) {
    case "head":
      return {
        ...layerWithout(choice, component),
        constant: addConstants(choice.constant, replacements.head(layer, component.head)),
      };
    case "mlp":
      return layerWithout(choice, component);
    case "neuron":
      throw notTried(component);
  }
}

/** A layer has thousands of neurons. Searches that try them ask for gradients, and for whole circuits. */
const notTried = (component: Component): RangeError =>
  new RangeError(`${componentInWords(component)} can't be tried by itself`);

/** @param index of the head among those that `z` holds. @returns new tensors. */
function removeFrom(
  base: readonly DeviceTensor[],
  z: readonly DeviceTensor[],
  removal: Session,
  index: number,
): Promise<readonly DeviceTensor[]> {
  const head: HostTensor = { type: "int64", shape: [], data: BigInt64Array.of(BigInt(index)) };
  return Promise.all(
    base.map(async (tensor, at) => {
      const zHere = z[at];
      if (zHere === undefined) throw new RangeError("a batch without z");
      const { y } = await removal.run({ base: tensor, z: zHere, head });
      if (y === undefined) throw new TypeError("the removal lacks its output");
      return y;
    }),
  );
}

/** Makes the stages of decided layers. Equal choices of one layer, below different uppers, share a session. */
function sharedStages(
  runtime: Runtime,
  width: number,
  rows: PositionRows["kind"],
): {
  readonly made: readonly Stage[];
  readonly stage: (parts: readonly KeptPart[], positions: Queries) => Promise<Stage>;
} {
  const made: Stage[] = [];
  return {
    made,
    async stage(parts, positions) {
      const known = made.find((stage) => sameParts(stage.parts, parts));
      if (known !== undefined) return known;
      const constantRows = positions === "last" ? "one" : rows;
      const stage = { session: await runtime.load(keptParts(parts, width, constantRows)), positions, parts };
      made.push(stage);
      return stage;
    },
  };
}

/** Puts a layer of a circuit below `upper` without a trial; sessions that nothing else uses are unloaded. */
export async function keepLayer(
  { runtime, width, replacements, stages }: TrialContext,
  keptOf: (queries: Queries) => Promise<KeptLayer>,
  upper: Upper,
): Promise<Upper> {
  const queries: Queries = upper.readsAll ? "all" : "last";
  const kept = await keptOf(queries);
  const stageOf = sharedStages(runtime, width, replacements.rows.kind);
  const { heads, attention, attentionConstant, mlp, mlpConstant } = kept;
  const result = await layerBelow(upper, {
    ...{ kept, queries, attention, heads },
    constant: attention ? attentionConstant : await leftByHeads(kept, attentionConstant),
    ...{ mlp, mlpStage: undefined, afterMlp: mlpConstant, stageOf: stageOf.stage },
  });
  await stages.keepOnly(stageOf.made, [result]);
  return result;
}
