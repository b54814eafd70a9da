/**
 * Cuts a found circuit's heads to a lower rank: to the one that was asked for, or to the smallest that keeps what the
 * search kept. "auto" takes the smallest rank for all layers, then for each layer, from the last, the smallest below it.
 * KL is measured on patching and validation prompts; it is taken to grow as ranks fall, so that ranks are bisected.
 */
import { cutCircuit } from "../../cut/cut-circuit.ts";
import type { HeadCut, LayerCut } from "../../cut/head-cut.ts";
import { type LayerDirections, writeDirections } from "../../cut/write-directions.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import { alphaOption } from "../../discovery/searches/greedy/greedy-options.ts";
import type { SearchUse } from "../../discovery/searches/use-search.ts";
import { valueMoments } from "../../discovery/value-moments.ts";
import { PithError } from "../../errors.ts";
import type { Profile } from "../../export/config-json.ts";
import type { HeadRankRecord } from "../../export/head-rank-record.ts";
import { describeGraph, shipModel, shippedTransformer } from "../../export/ship-model.ts";
import { answerLogits, type ScoredPrompt } from "../../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, type SplitEvaluation } from "../../measure/compare.ts";
import { countParameters } from "../../measure/parameters.ts";
import { shippedLogits } from "../../measure/shipped-logits.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import { type Circuit, keptHeads, keptLayers } from "../../transformer/circuit.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import { tokenIds } from "../prompts.ts";
import type { OptionName, SearchSettings } from "./extract-options.ts";

/** Logits of the original that are held between measurements, in numbers; beyond them they are computed each time. */
const mostHeld = 2 ** 26;

export interface CutHeadsJob {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Transformer;
  readonly encoded: EncodedTask;
  readonly circuit: Circuit;
  readonly replacements: Replacements;
  readonly profile: Profile;
  readonly search: Pick<SearchUse, "options">;
  readonly target: SearchSettings["target"];
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

/** @throws PithError "options" for a rank that is not below the width of the model's heads. */
export function checkHeadRank(
  { blocks }: Transformer,
  rank: SearchSettings["headRank"],
  nameOf: OptionName = (option) => option,
): void {
  if (rank === undefined || rank === "auto") return;
  const least = Math.min(...blocks.flatMap(({ attention }) => attention?.headWidth ?? []));
  if (rank < least) return;
  throw new PithError(
    "options",
    `is ${rank}, but the model's heads are ${least} wide: a rank must be below that.`,
    { place: { field: nameOf("headRank") }, advice: "auto takes the smallest rank that does." },
  );
}

export interface CutHeads {
  readonly cut: HeadCut;
  readonly record: HeadRankRecord;
}

/** @param asked a rank, or "auto". */
export async function cutHeads(job: CutHeadsJob, asked: number | "auto"): Promise<CutHeads> {
  const { onEvent } = job;
  const directions = await directionsOf(job);
  for (const [layer, { constant }] of directions)
    if (constant)
      onEvent?.({
        kind: "note",
        note: `Some kept head of layer ${layer} has the same values in all patching prompts, so its rank is cut by its output matrix alone.`,
      });
  const measure = measurer(job);
  const whole = await measure(new Map());
  const budget = budgetOf(job, whole);
  const holds = async (tried: Ranks) => budget.holds(await measure(cutOf(directions, tried)));
  const ranks: Ranks =
    asked === "auto"
      ? await smallestRanks(directions, holds)
      : new Map([...directions.keys()].map((layer) => [layer, asked]));
  const cut = cutOf(directions, ranks);
  const after = await measure(cut);
  const record: HeadRankRecord = {
    asked,
    layers: [...directions].map(([layer, { headWidth }]) => ({
      ...{ layer, rank: cut.get(layer)?.rank ?? headWidth, of: headWidth },
    })),
    body: { whole: whole.body, cut: after.body },
    kl: { whole: whole.kl, cut: after.kl, ...(asked === "auto" && { allowed: budget.allowed }) },
  };
  return { cut, record };
}

/** The cut that a circuit's record tells of, made again from the same prompts. */
export async function cutAsRecorded(
  job: Parameters<typeof directionsOf>[0],
  { layers }: HeadRankRecord,
): Promise<HeadCut> {
  return cutOf(await directionsOf(job), new Map(layers.map(({ layer, rank }) => [layer, rank])));
}

async function directionsOf({
  runtime,
  model,
  encoded,
  circuit,
  replacements,
  signal,
}: Pick<CutHeadsJob, "runtime" | "model" | "circuit" | "replacements" | "signal"> & {
  readonly encoded: Pick<EncodedTask, "patching">;
}): Promise<ReadonlyMap<number, LayerDirections>> {
  const layers = keptLayers(circuit).filter((layer) => keptHeads(circuit, layer).length > 0);
  const heads = new Map(layers.map((layer) => [layer, keptHeads(circuit, layer)]));
  const prompts = tokenIds(encoded.patching);
  const moments = await valueMoments(runtime, model, prompts, circuit, replacements, signal);
  return writeDirections(model, heads, moments);
}

type Ranks = ReadonlyMap<number, number>;

function cutOf(directions: ReadonlyMap<number, LayerDirections>, ranks: Ranks): HeadCut {
  return new Map(
    [...directions].flatMap(([layer, own]): (readonly [number, LayerCut])[] => {
      const rank = ranks.get(layer) ?? own.headWidth;
      return rank < own.headWidth ? [[layer, { ...own, rank }]] : [];
    }),
  );
}

/** @param holds whether ranks are within the budget; whole heads are. */
async function smallestRanks(
  directions: ReadonlyMap<number, LayerDirections>,
  holds: (ranks: Ranks) => Promise<boolean>,
): Promise<Ranks> {
  const widest = Math.max(1, ...[...directions.values()].map(({ headWidth }) => headWidth));
  const alike = (rank: number): Ranks => new Map([...directions.keys()].map((layer) => [layer, rank]));
  if (directions.size === 0) return alike(widest);
  let ranks = alike(await smallest(widest, (rank) => holds(alike(rank))));
  for (const layer of [...directions.keys()].reverse()) {
    const withOwn = (rank: number): Ranks => new Map([...ranks, [layer, rank]]);
    ranks = withOwn(await smallest(ranks.get(layer) ?? widest, (rank) => holds(withOwn(rank))));
  }
  return ranks;
}

/** The smallest number from 1 for which `holds`, by bisection. @param most for which it holds. */
async function smallest(most: number, holds: (value: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [1, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}

interface Measured {
  readonly kl: number;
  readonly accuracy: number;
  readonly body: number;
}

/**
 * What a cut may cost: as much as the search allowed for one more component, α; with a target for KL, all that the target
 * leaves. A bound on KL, and the target for accuracy, must hold where they held before.
 */
function budgetOf({ search, target }: CutHeadsJob, whole: Measured) {
  const { alpha, maxKl } = search.options;
  const growth = whole.kl + (typeof alpha === "number" ? alpha : alphaOption.initial);
  const bound = typeof maxKl === "number" ? Math.max(maxKl, whole.kl) : Infinity;
  const allowed = target?.kind === "kl" ? Math.max(target.value, whole.kl) : Math.min(growth, bound);
  const right = target?.kind === "accuracy" ? Math.min(target.value, whole.accuracy) : 0;
  return { allowed, holds: ({ kl, accuracy }: Measured) => kl <= allowed && accuracy >= right };
}

/** Measures cuts on patching and validation prompts, as they will be shipped. */
function measurer(job: CutHeadsJob): (cut: HeadCut) => Promise<Measured> {
  const { runtime, model, encoded, circuit, replacements, profile, signal } = job;
  const examples = [...encoded.patching, ...encoded.validation];
  const original = heldLogits(
    (prompts, visit) => answerLogits(runtime, model, prompts, visit, { signal }),
    runtime.room === undefined ? mostHeld / model.vocabularySize : 0,
    examples,
  );
  return async (cut) => {
    signal?.throwIfAborted();
    const standalone = await cutCircuit(model, circuit, replacements, cut);
    const session = await runtime.load(shipModel(standalone, profile).graph);
    try {
      const shipped = describeGraph(standalone, profile);
      const own: GiveLogits = (prompts, visit) =>
        shippedLogits(runtime, session, shipped, prompts, visit, signal);
      const { kl = Number.NaN, accuracy }: SplitEvaluation = await evaluateSplit(examples, own, original, {
        rowsAtOnce: runtime.room?.logitRows,
      });
      const { body } = countParameters(shippedTransformer(standalone, profile));
      return { kl, accuracy, body };
    } finally {
      await session.unload();
    }
  };
}

/** The same logits, kept after the first time if they are few enough. @param most how many rows are kept. */
function heldLogits(give: GiveLogits, most: number, all: readonly ScoredPrompt[]): GiveLogits {
  const rows = all.reduce((sum, { scored }) => sum + scored, 0);
  if (rows > most) return give;
  const held = new Map<ScoredPrompt, Float32Array>();
  return async (prompts, visit) => {
    const missing = prompts.filter((prompt) => !held.has(prompt));
    if (missing.length > 0)
      await give(missing, (index, logits) => {
        const prompt = missing[index];
        if (prompt !== undefined) held.set(prompt, logits.slice());
      });
    for (const [index, prompt] of prompts.entries()) visit(index, held.get(prompt) ?? new Float32Array());
  };
}
