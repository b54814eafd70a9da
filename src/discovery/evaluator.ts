/**
 * What does the model lose if this component goes? This module answers that for one layer after another,
 * last to first, and computes nothing that cannot have changed:
 *
 * 1. Layers below the one on trial are the original's, so the residual stream before it comes from one pass
 *    over the validation prompts, made once. No candidate runs a layer below its own.
 * 2. Attention inside the layer (scores, softmax, z) does not depend on which of its heads are kept: a head's
 *    write is z_h·W_O^h, and taking it out costs one thin product. Attention runs once a layer.
 * 3. What lies above is decided and small, and crosses into the runtime when it is decided (`upper.ts`).
 * 4. Above the highest kept head only the answer position is computed: nothing reads the others.
 * 5. Unembedding and KL run at the answer position, in the graph (`scorer.ts`).
 *
 * Everything that does not depend on the prompt (b_O, b_2, replacements) is one constant before each reader;
 * it is added in JavaScript and costs a candidate nothing. States are values: a caller may hold several of
 * one layer, as a sweep over thresholds does. What it shares, it pays for once: a state's own layer runs once
 * for all that lies above it, equal choices of one layer become one session, and what several have in common
 * above the layer on trial runs once too.
 */

import type { Queries } from "../lowering/attention.ts";
import { type KeptPart, keptParts } from "../lowering/stages.ts";
import type { DeviceTensor, Runtime, Session } from "../runtime/runtime.ts";
import { keepHeads } from "../surgery/cut-heads.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { type Batch, makeBatches } from "./batch.ts";
import { addConstants, type Constant } from "./constant.ts";
import { causalMask } from "./embedding.ts";
import { downBias, forward, outputBias, wholeBlock } from "./forward.ts";
import { createLayerLoader, type LayerLoader } from "./layer-loader.ts";
import type { Replacements } from "./replacements.ts";
import { createScorer, type Group, type Scorer } from "./scorer.ts";
import { byLowest, type Entry, sameParts, withoutLowest } from "./shared-stages.ts";
import { createStageKeeper, type StageKeeper } from "./stage-keeper.ts";
import {
  addBelow,
  emptyUpper,
  headsBelow,
  mlpBelow,
  runStage,
  runUpper,
  type Stage,
  type Upper,
} from "./upper.ts";

export interface Evaluator {
  /** The original's most likely next token for each validation prompt. */
  readonly predictions: readonly number[];
  /** What lies above the last layer: nothing. */
  readonly top: Upper;
  /**
   * Puts a layer on trial: runs its attention, at all positions or at the last, as `upper` needs. The trial
   * serves every upper with the same `readsAll`. Layers must be opened last to first; a second trial of a
   * layer must be opened before the first one ends.
   * @throws RangeError if the layer's trials have ended.
   */
  openLayer(layer: number, upper: Upper): Promise<LayerTrial>;
  /** Lets go of all that is held, whatever became of the search; a trial that was opened must have ended. */
  close(): Promise<void>;
}

/** Some choice of what one layer keeps. Hand each one back with `discard`. */
export interface LayerState {
  /** For each batch the residual stream after the kept heads, constants not yet joined. */
  readonly base: readonly DeviceTensor[];
  /** b_O and the replacements of the heads that went. */
  readonly constant: Constant;
  /** Indices of the kept heads, ascending. */
  readonly heads: readonly number[];
  readonly mlp: boolean;
}

export interface LayerTrial {
  /** The whole layer. */
  readonly start: LayerState;
  withoutHead(state: LayerState, head: number): Promise<LayerState>;
  withoutMlp(state: LayerState): LayerState;
  /** KL(original ‖ this state) for each prompt, in nats. */
  kl(state: LayerState, upper: Upper): Promise<Float64Array>;
  /**
   * The same below each of several uppers, as pairs of an index into them and the KL, in no certain order:
   * the layer's own part runs once for all, and so do the stages above it that several have in common.
   */
  klBelowEach(
    state: LayerState,
    uppers: readonly Upper[],
  ): AsyncGenerator<readonly [index: number, kl: Float64Array], void>;
  /** The layer as decided, put below `upper`. */
  close(state: LayerState, upper: Upper): Promise<Upper>;
  discard(state: LayerState): Promise<void>;
  /** Lets go of what only this trial needs, and of all sessions that none of `alive` uses. */
  end(alive: readonly Upper[]): Promise<void>;
}

/** @param prompts the validation prompts' token ids; under aligned means all of the replacements' length. */
export async function createEvaluator(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  replacements: Replacements,
  options: { readonly signal?: AbortSignal | undefined; readonly tokensPerBatch?: number | undefined } = {},
): Promise<Evaluator> {
  const batches = makeBatches(prompts, options.tokensPerBatch);
  const residuals = await forward(runtime, model, batches, { keepFrom: 0, signal: options.signal });
  return evaluatorFrom(runtime, model, batches, residuals, replacements);
}

/**
 * @param residuals the residual stream before each layer and after the last, [layers + 1][batches]; it is
 * released here. @param means may still be in the making.
 */
export async function evaluatorFrom(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  residuals: readonly (readonly DeviceTensor[])[],
  means: Replacements | Promise<Replacements>,
): Promise<Evaluator> {
  const final = residuals.at(-1) ?? [];
  const scorer = await createScorer(runtime, model, batches, final);
  await runtime.release(...final);
  const replacements = await means;
  const sessions = createLayerLoader(runtime, model, replacements.rows === 1 ? "one" : "each");
  // What waits for its layer's turn, and how many trials read it.
  const below = new Map(residuals.slice(0, -1).map((tensors, layer) => [layer, { tensors, trials: 0 }]));
  const context: Context = {
    runtime,
    model,
    batches,
    replacements,
    scorer,
    sessions,
    stages: createStageKeeper(),
  };

  return {
    predictions: scorer.predictions,
    top: emptyUpper(replacements.rows, model.width),
    async openLayer(layer, upper) {
      const residual = below.get(layer);
      if (residual === undefined) throw new RangeError(`layer ${layer} has been tried`);
      residual.trials++;
      return openLayer(context, layer, residual.tensors, upper, async () => {
        residual.trials--;
        if (residual.trials > 0) return;
        below.delete(layer);
        await runtime.release(...residual.tensors);
      });
    },
    async close() {
      for (const { tensors } of below.values()) await runtime.release(...tensors);
      below.clear();
      await context.stages.keepOnly([], []);
      await sessions.close();
      await scorer.close();
    },
  };
}

interface Context {
  readonly runtime: Runtime;
  readonly model: Transformer;
  readonly batches: readonly Batch[];
  readonly replacements: Replacements;
  readonly scorer: Scorer;
  readonly sessions: LayerLoader;
  readonly stages: StageKeeper;
}

async function openLayer(
  { runtime, model, batches, replacements, scorer, sessions, stages }: Context,
  layer: number,
  residual: readonly DeviceTensor[],
  upper: Upper,
  releaseResidual: () => Promise<void>,
): Promise<LayerTrial> {
  const { attention, mlp } = wholeBlock(model, layer);
  const rows = replacements.rows === 1 ? "one" : "each";
  const queries = upper.readsAll ? "all" : "last";
  const own = await sessions.take(layer, queries);

  const ran = await runAttention(own.attention, batches, residual, queries);
  await own.attention.unload();
  // Where only the last position counts, a batch is a few rows: all prompts go together.
  const merge = queries === "last" && batches.length > 1;
  const groups: readonly Group[] = merge
    ? [{ members: batches.flatMap(({ members }) => members), length: 1 }]
    : batches;
  const z = merge ? [await concatenate(runtime, ran.z)] : ran.z;
  const whole = merge ? [await concatenate(runtime, ran.sum)] : ran.sum;

  const mlpHere: Stage = { session: own.mlp, positions: queries, parts: [{ kind: "mlp", mlp }] };
  const down = await downBias(mlp, model.width, replacements.rows);

  // Several states may share one base: it goes with the last of them.
  const users = new Map<readonly DeviceTensor[], number>();
  const state = (fields: LayerState): LayerState => {
    users.set(fields.base, (users.get(fields.base) ?? 0) + 1);
    return fields;
  };

  // Equal choices of this layer, below different uppers, share a session.
  const decidedHere: Stage[] = [];
  const stageOf = async (parts: readonly KeptPart[], positions: Queries): Promise<Stage> => {
    const known = decidedHere.find((stage) => sameParts(stage.parts, parts));
    if (known !== undefined) return known;
    const stage = { session: await runtime.load(keptParts(parts, model.width, rows)), positions, parts };
    decidedHere.push(stage);
    return stage;
  };

  const lengthOf = (index: number) => groups[index]?.length ?? 0;
  /** Runs what is above `x`; stages that several have in common run once. */
  async function* ends(
    entries: readonly Entry[],
    x: readonly Promise<DeviceTensor>[],
  ): AsyncGenerator<readonly [number, Float64Array], void> {
    for (const { lowest, sharing } of byLowest(entries)) {
      const [first, ...others] = sharing;
      if (first === undefined) continue;
      if (lowest === undefined || others.length === 0) {
        const last = await Promise.all(
          x.map(async (each, index) => runUpper(runtime, first.rest, await each, lengthOf(index))),
        );
        const kl = await scorer.score(last, first.rest.last, groups);
        // With nothing above, `x` itself is the end.
        if (lowest !== undefined) await runtime.release(...last);
        yield [first.index, kl];
      } else {
        const next = x.map(async (each, index) => runStage(lowest, await each, lengthOf(index)));
        try {
          yield* ends(sharing.map(withoutLowest), next);
        } finally {
          await runtime.release(...(await Promise.all(next)));
        }
      }
    }
  }

  async function* klBelowEach(
    candidate: LayerState,
    uppers: readonly Upper[],
  ): AsyncGenerator<readonly [number, Float64Array], void> {
    const after = candidate.mlp ? down : addConstants(candidate.constant, replacements.mlp(layer));
    const here = { stage: mlpHere, constants: [candidate.constant] };
    // Not awaited: all batches are asked for at once, so that the engine never waits for the next.
    const own = candidate.base.map(async (base, index) =>
      candidate.mlp ? runStage(here, base, lengthOf(index)) : base,
    );
    const entries = uppers.map((above, index) => ({ index, rest: addBelow(above, after) }));
    try {
      yield* ends(entries, own);
    } finally {
      if (candidate.mlp) await runtime.release(...(await Promise.all(own)));
    }
  }

  return {
    start: state({
      base: whole,
      constant: await outputBias(attention, model.width, replacements.rows),
      heads: attention.heads,
      mlp: true,
    }),

    async withoutHead(from, head) {
      const index = BigInt64Array.of(BigInt(attention.heads.indexOf(head)));
      const base = await Promise.all(
        from.base.map(async (tensor, at) => {
          const zHere = z[at];
          if (zHere === undefined) throw new RangeError("a batch without z");
          const { y } = await own.removal.run({
            base: tensor,
            z: zHere,
            head: { type: "int64", shape: [], data: index },
          });
          if (y === undefined) throw new TypeError("the removal lacks its output");
          return y;
        }),
      );
      return state({
        ...from,
        base,
        constant: addConstants(from.constant, replacements.head(layer, head)),
        heads: from.heads.filter((kept) => kept !== head),
      });
    },

    withoutMlp: (from) => state({ ...from, mlp: false }),

    klBelowEach,

    async kl(candidate, above) {
      for await (const [, kl] of klBelowEach(candidate, [above])) return kl;
      throw new TypeError("a candidate without a KL");
    },

    async close(decided, above) {
      const joined = decided.mlp
        ? mlpBelow(addBelow(above, down), mlpHere, decided.constant)
        : addBelow(above, addConstants(decided.constant, replacements.mlp(layer)));
      if (decided.heads.length === 0) return joined;
      const kept = keepHeads(attention, decided.heads);
      return headsBelow(joined, { attention: kept, queries }, decided.mlp, stageOf);
    },

    async discard(done) {
      const left = (users.get(done.base) ?? 0) - 1;
      users.set(done.base, left);
      if (left === 0) await runtime.release(...done.base);
    },

    async end(alive) {
      await runtime.release(...z);
      await releaseResidual();
      await own.removal.unload();
      await stages.keepOnly([mlpHere, ...decidedHere], alive);
    },
  };
}

/** Attention of the layer for every batch: z, and the residual stream after all heads, at the queries' positions. */
async function runAttention(
  session: Session,
  batches: readonly Batch[],
  residual: readonly DeviceTensor[],
  queries: "all" | "last",
): Promise<{ readonly z: readonly DeviceTensor[]; readonly sum: readonly DeviceTensor[] }> {
  const outputs: { readonly z: DeviceTensor; readonly sum: DeviceTensor }[] = [];
  for (const [index, batch] of batches.entries()) {
    const x = residual[index];
    if (x === undefined) throw new RangeError("a batch without a residual stream");
    const mask = queries === "all" ? { mask: causalMask(batch.length) } : {};
    const { z, sum } = await session.run({ x, ...mask });
    if (z === undefined || sum === undefined) throw new TypeError("attention lacks an output");
    outputs.push({ z, sum });
  }
  return { z: outputs.map(({ z }) => z), sum: outputs.map(({ sum }) => sum) };
}

/** Joins tensors along their first axis, and releases them. */
async function concatenate(runtime: Runtime, tensors: readonly DeviceTensor[]): Promise<DeviceTensor> {
  const parts: Float32Array[] = [];
  for (const tensor of tensors) parts.push(await runtime.readFloats(tensor));
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  await runtime.release(...tensors);
  const first = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return runtime.upload({ type: "float32", shape: [first, ...(tensors[0]?.shape.slice(1) ?? [])], data });
}
