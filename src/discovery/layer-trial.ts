/**
 * One layer on trial. States, choices of what the layer keeps, are values: a caller may hold several, as a sweep
 * over thresholds does. What they share is paid for once: a state's own layer runs once for all that lies above
 * it, equal choices become one session, and what several uppers have in common runs once too.
 *
 * Everything that does not depend on the prompt (b_O, b_2, replacements) is one constant before each reader;
 * it is added in JavaScript and costs a candidate nothing.
 */

import type { Queries } from "../lowering/attention.ts";
import { type KeptPart, keptParts } from "../lowering/stages.ts";
import type { DeviceTensor, Runtime, Session } from "../runtime/runtime.ts";
import { keepHeads } from "../surgery/cut-heads.ts";
import type { Component } from "../transformer/component.ts";
import type { Batch } from "./batch.ts";
import { klOfChoices } from "./choices.ts";
import { addConstants, type Constant, zeroConstant } from "./constant.ts";
import { causalMask } from "./embedding.ts";
import type { KeptLayer } from "./kept-layer.ts";
import type { LayerLoader } from "./layer-loader.ts";
import type { Replacements } from "./replacements.ts";
import type { Group, Scorer, VisitAnswers } from "./scorer.ts";
import { byLowest, type Entry, sameParts, withoutLowest } from "./shared-stages.ts";
import type { StageKeeper } from "./stage-keeper.ts";
import { addBelow, headsBelow, mlpBelow, runStage, runUpper, type Stage, type Upper } from "./upper.ts";

/** Some choice of what one layer keeps. */
export interface LayerChoice {
  /** b_O and the replacements of the heads that went. */
  readonly constant: Constant;
  /** Indices of the kept heads, ascending. */
  readonly heads: readonly number[];
  readonly mlp: boolean;
}

/** A choice that is worked out. Hand each one back with `discard`. */
export interface LayerState extends LayerChoice {
  /** For each batch the residual stream after the kept heads, constants not yet joined. */
  readonly base: readonly DeviceTensor[];
}

export interface LayerTrial {
  /** What there is of the layer: all of it, in a search's first walk. */
  readonly start: LayerState;
  /** The choice less one component; nothing is worked out. */
  less(choice: LayerChoice, component: Component): LayerChoice;
  withoutHead(state: LayerState, head: number): Promise<LayerState>;
  withoutMlp(state: LayerState): LayerState;
  /**
   * KL(original ‖ this state) for each prompt, in nats; mean over its answer positions.
   * @param visit sees the logits of this state.
   */
  kl(state: LayerState, upper: Upper, visit?: VisitAnswers): Promise<Float64Array>;
  /**
   * The same below each of several uppers, as pairs of an index into them and the KL, in no certain order:
   * the layer's own part runs once for all, and so do the stages above it that several have in common.
   */
  klBelowEach(
    state: LayerState,
    uppers: readonly Upper[],
  ): AsyncGenerator<readonly [index: number, kl: Float64Array], void>;
  /**
   * KL(original ‖ choice) for each of several choices that all keep the MLP, or all don't, computed together: for
   * devices that take longer to start a small computation than to do it. Left out where nothing is tried together.
   * @returns for each choice the KL of each prompt, in nats.
   */
  klOfEach?(choices: readonly LayerChoice[], upper: Upper): Promise<readonly Float64Array[]>;
  /** The layer as decided, put below `upper`. */
  close(choice: LayerChoice, upper: Upper): Promise<Upper>;
  discard(state: LayerState): Promise<void>;
  /** Lets go of what only this trial needs, and of all sessions that none of `alive` uses. */
  end(alive: readonly Upper[]): Promise<void>;
}

/** What the trials of all layers have in common. */
export interface TrialContext {
  readonly runtime: Runtime;
  readonly width: number;
  readonly batches: readonly Batch[];
  readonly replacements: Replacements;
  readonly scorer: Scorer;
  readonly layers: LayerLoader;
  readonly stages: StageKeeper;
  /** How many tokens of choices that are tried together go through the graphs at once; 0: none are. */
  readonly tokensTogether: number;
}

/** @param residual before the layer, for each batch; @param next the layer that is opened after this one. */
export async function openLayer(
  context: TrialContext,
  layer: number,
  residual: readonly DeviceTensor[],
  upper: Upper,
  next: number | undefined,
  releaseResidual: () => Promise<void>,
): Promise<LayerTrial> {
  const { runtime, width, batches, replacements, scorer, layers, stages } = context;
  const rows = replacements.rows === 1 ? "one" : "each";
  const queries: Queries = upper.readsAll ? "all" : "last";
  const { kept, sessions: own } = await layers.take(layer, queries, next);

  const ran =
    own.attention === undefined
      ? { z: [], sum: await withoutAttention(runtime, residual, queries) }
      : await runAttention(own.attention, batches, residual, queries);
  await own.attention?.unload();
  // Where only the last position counts, a batch is a few rows: all prompts go together.
  const merge = queries === "last" && batches.length > 1;
  const groups: readonly Group[] = merge
    ? [{ members: batches.flatMap(({ members }) => members), length: 1 }]
    : batches;
  const join = async (tensors: readonly DeviceTensor[]) =>
    merge && tensors.length > 0 ? [await concatenate(runtime, tensors)] : tensors;
  const z = await join(ran.z);
  const whole = await join(ran.sum);

  const { mlp } = kept;
  const { removals } = own;
  const mlpHere: Stage | undefined = own.mlp &&
    mlp && { session: own.mlp, positions: queries, parts: [{ kind: "mlp", mlp }] };
  /** What joins above the MLP: b_2 or the replacement. */
  const afterMlp = (stays: boolean) => (stays ? kept.mlpConstant : replacements.mlp(layer));

  // Several states may share one base: it goes with the last of them.
  const users = new Map<readonly DeviceTensor[], number>();
  // A layer without heads starts from the residual stream itself, which other trials may read.
  if (whole === residual) users.set(residual, 1);
  const state = (fields: LayerState): LayerState => {
    users.set(fields.base, (users.get(fields.base) ?? 0) + 1);
    return fields;
  };

  // Equal choices of this layer, below different uppers, share a session.
  const decidedHere: Stage[] = [];
  const stageOf = async (parts: readonly KeptPart[], positions: Queries): Promise<Stage> => {
    const known = decidedHere.find((stage) => sameParts(stage.parts, parts));
    if (known !== undefined) return known;
    const stage = { session: await runtime.load(keptParts(parts, width, rows)), positions, parts };
    decidedHere.push(stage);
    return stage;
  };

  const lengthOf = (index: number) => groups[index]?.length ?? 0;
  /** Runs what is above `x`; stages that several have in common run once. */
  async function* ends(
    entries: readonly Entry[],
    x: readonly Promise<DeviceTensor>[],
    visit?: VisitAnswers,
  ): AsyncGenerator<readonly [number, Float64Array], void> {
    for (const { lowest, sharing } of byLowest(entries)) {
      const [first, ...others] = sharing;
      if (first === undefined) continue;
      if (lowest === undefined || others.length === 0) {
        const last = await Promise.all(
          x.map(async (each, index) => runUpper(runtime, first.rest, await each, lengthOf(index))),
        );
        const kl = await scorer.score(last, first.rest.last, groups, visit);
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
    visit?: VisitAnswers,
  ): AsyncGenerator<readonly [number, Float64Array], void> {
    const here = candidate.mlp && mlpHere && { stage: mlpHere, constants: [candidate.constant] };
    const after = here ? afterMlp(true) : addConstants(candidate.constant, afterMlp(false));
    // Not awaited: all batches are asked for at once, so that the engine never waits for the next.
    const own = candidate.base.map(async (base, index) =>
      here ? runStage(here, base, lengthOf(index)) : base,
    );
    const entries = uppers.map((above, index) => ({ index, rest: addBelow(above, after) }));
    try {
      yield* ends(entries, own, visit);
    } finally {
      if (here) await runtime.release(...(await Promise.all(own)));
    }
  }

  const less = (choice: LayerChoice, component: Component): LayerChoice =>
    component.kind === "mlp"
      ? { ...choice, mlp: false }
      : {
          ...choice,
          constant: addConstants(choice.constant, replacements.head(layer, component.head)),
          heads: choice.heads.filter((head) => head !== component.head),
        };
  const start = { constant: kept.attentionConstant, heads: kept.heads, mlp: kept.mlp !== undefined };
  // What is tried together is taken out of the whole layer, so that has to stay.
  const stays = removals && state({ ...start, base: whole });
  const discard = async ({ base }: LayerState) => {
    const left = (users.get(base) ?? 0) - 1;
    users.set(base, left);
    if (left === 0) await runtime.release(...base);
  };

  return {
    start: state({ ...start, base: whole }),
    less,

    async withoutHead(from, head) {
      const { removal } = own;
      if (removal === undefined) throw new RangeError(`layer ${layer} has no heads`);
      const index = BigInt64Array.of(BigInt(kept.heads.indexOf(head)));
      const base = await Promise.all(
        from.base.map(async (tensor, at) => {
          const zHere = z[at];
          if (zHere === undefined) throw new RangeError("a batch without z");
          const { y } = await removal.run({
            base: tensor,
            z: zHere,
            head: { type: "int64", shape: [], data: index },
          });
          if (y === undefined) throw new TypeError("the removal lacks its output");
          return y;
        }),
      );
      return state({ ...less(from, { kind: "head", layer, head }), base });
    },

    withoutMlp: (from) => state({ ...less(from, { kind: "mlp", layer }), base: from.base }),

    ...(removals !== undefined && {
      klOfEach(choices, above) {
        const here = choices.every((choice) => choice.mlp) ? mlpHere : undefined;
        const after = addBelow(above, afterMlp(here !== undefined));
        // The stacked choices have joined their constants.
        const rest = here ? mlpBelow(after, here, zeroConstant(replacements.rows, width)) : after;
        const layer = { attention: kept.attention, removals, base: whole, z, queries, groups };
        return klOfChoices(context, layer, choices, rest);
      },
    }),

    klBelowEach: (candidate, uppers) => klBelowEach(candidate, uppers),

    async kl(candidate, above, visit) {
      for await (const [, kl] of klBelowEach(candidate, [above], visit)) return kl;
      throw new TypeError("a candidate without a KL");
    },

    async close(decided, above) {
      const stays = decided.mlp && mlpHere;
      const joined = stays
        ? mlpBelow(addBelow(above, afterMlp(true)), stays, decided.constant)
        : addBelow(above, addConstants(decided.constant, afterMlp(false)));
      if (decided.heads.length === 0 || kept.attention === undefined) return joined;
      const attention = keepHeads(kept.attention, decided.heads);
      return headsBelow(joined, { attention, queries }, decided.mlp, stageOf);
    },

    discard,

    async end(alive) {
      await runtime.release(...z);
      if (stays) await discard(stays);
      await releaseResidual();
      await own.removal?.unload();
      await own.removals?.unload();
      await stages.keepOnly([...(mlpHere ? [mlpHere] : []), ...decidedHere], alive);
    },
  };
}

/** A layer as a circuit has it, put below `upper` without a trial; sessions that only others use are let go. */
export async function keepLayer(
  { runtime, width, replacements, stages }: TrialContext,
  { attention, attentionConstant, mlp, mlpConstant }: KeptLayer,
  upper: Upper,
): Promise<Upper> {
  const rows = replacements.rows === 1 ? "one" : "each";
  const queries = upper.readsAll ? "all" : "last";
  const fresh: Stage[] = [];
  const stageOf = async (parts: readonly KeptPart[], positions: Queries): Promise<Stage> => {
    const constantRows = positions === "last" ? "one" : rows;
    const session = await runtime.load(keptParts(parts, width, constantRows));
    const stage = { session, positions, parts };
    fresh.push(stage);
    return stage;
  };
  const joined =
    mlp === undefined
      ? addBelow(upper, addConstants(attentionConstant, mlpConstant))
      : mlpBelow(
          addBelow(upper, mlpConstant),
          await stageOf([{ kind: "mlp", mlp }], queries),
          attentionConstant,
        );
  const result =
    attention === undefined
      ? joined
      : await headsBelow(joined, { attention, queries }, mlp !== undefined, stageOf);
  await stages.keepOnly(fresh, [result]);
  return result;
}

/** The residual stream at the queries' positions, as it is where no head adds to it. */
async function withoutAttention(
  runtime: Runtime,
  residual: readonly DeviceTensor[],
  queries: Queries,
): Promise<readonly DeviceTensor[]> {
  if (queries === "all") return residual;
  return Promise.all(
    residual.map(async (tensor) => {
      const [prompts = 0, length = 0, width = 0] = tensor.shape;
      const values = await runtime.readFloats(tensor);
      const data = new Float32Array(prompts * width);
      for (let prompt = 0; prompt < prompts; prompt++) {
        const end = (prompt + 1) * length * width;
        data.set(values.subarray(end - width, end), prompt * width);
      }
      return runtime.upload({ type: "float32", shape: [prompts, 1, width], data });
    }),
  );
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
