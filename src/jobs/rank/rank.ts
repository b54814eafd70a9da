/**
 * Ranks a model's components by how much a task is expected to need them (Node): the means of the patching prompts,
 * then the ranking's passes over the validation prompts. No circuit is made.
 */
import { rankingNamed } from "../../discovery/rankings/index.ts";
import type { Ranking } from "../../discovery/rankings/ranking.ts";
import { meanReplacements, type Replacements, zeroAblation } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import type { Loss } from "../../lowering/loss-stages.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { bodySize } from "../../transformer/circuit-size.ts";
import { nameInModel } from "../../transformer/component.ts";
import { type GateKind, type GateValues, gateKinds } from "../../transformer/gates.ts";
import { mapGates } from "../../transformer/map-gates.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { searchThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { checkExtractOptions } from "../extract/check-extract-options.ts";
import { defaultExtractOptions, type OptionName, type SearchSettings } from "../extract/extract-options.ts";
import type { Model } from "../load-model.ts";
import { openTaskGates } from "../open-gates.ts";
import { encodePrompts, searchSets } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { withEngine } from "../with-engine.ts";

/** Bytes of layers' float32 weights that stay loaded from pass to pass. */
const mostHeld = 2 ** 26;

/** Options of {@link rank}; those that an extraction has too mean the same. */
export interface RankOptions
  extends Partial<
    Pick<
      SearchSettings,
      "ablation" | "valueBias" | "means" | "firstPosition" | "bos" | "chat" | "seed" | "threads" | "device"
    >
  > {
  /**
   * The ranking, by its name.
   * @defaultValue "fisher"
   */
  readonly ranking?: string | undefined;
  /**
   * The kinds of components to score.
   * @defaultValue heads and MLPs; neurons for a ranking that scores nothing else
   */
  readonly components?: readonly GateKind[] | undefined;
  /**
   * The loss whose rise is estimated.
   * @defaultValue "kl"; "cross-entropy" for a ranking for which KL says nothing
   */
  readonly loss?: Loss | undefined;
  /** Aborting it ends the work; the returned promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps and progress. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** A component with its score. */
export interface RankedComponent {
  /** Its name in the model: "3.head.1", "3.mlp", "3.neuron.17". */
  readonly component: string;
  /** The estimated rise of the loss when it is replaced; positive for useful components. */
  readonly score: number;
}

/** The result of {@link rank}. */
export interface RankedModel {
  /** The ranking's name. */
  readonly ranking: string;
  /** What its scores estimate, as one sentence. */
  readonly estimates: string;
  /** When it fails, as one sentence. */
  readonly fails: string;
  /** The loss whose rise is estimated; left out for a ranking without one. */
  readonly loss?: Loss;
  /** The model's name. */
  readonly model: string;
  /** The task's name. */
  readonly task: string;
  /** The seed of the prompts and of random probes. */
  readonly seed: number;
  /** All components that were scored, the most useful one first. */
  readonly components: readonly RankedComponent[];
}

/**
 * Scores components by how much a task is expected to need them, without a search: by forward and backward passes over
 * the validation prompts, with the replacements that a search would use.
 * @example
 * ```ts
 * const { components } = await rank(model, task, { ranking: "fisher", components: ["heads", "neurons"] });
 * ```
 * @throws PithError "options" for a ranking that does not exist, or can't score these components or use this loss;
 * "task" for prompts without the answers that the loss needs; the signal's reason when it was aborted.
 */
export async function rank(model: Model, task: Task, options: RankOptions = {}): Promise<RankedModel> {
  const { signal, onEvent } = options;
  const { ranking, ...choice } = checkRankOptions(options);
  const defaults = defaultExtractOptions;
  const settings = {
    ablation: options.ablation ?? defaults.ablation,
    valueBias: options.valueBias ?? defaults.valueBias,
    means: options.means ?? defaults.means,
    firstPosition: options.firstPosition ?? defaults.firstPosition,
    bos: options.bos ?? task.bos ?? defaults.bos,
    chat: options.chat ?? task.chat ?? defaults.chat,
    seed: options.seed ?? defaults.seed,
  };
  signal?.throwIfAborted();
  const { transformer } = model;
  const encoded = encodePrompts(task, model.tokenizer, transformer.contextLength, settings);
  const runtime = workerRuntime({
    threads: options.threads ?? searchThreads(transformer),
    device: options.device,
  });
  return withEngine(runtime, signal, async () => {
    onEvent?.({ kind: "step", step: "activations" });
    const { patching } = searchSets(encoded);
    const neurons = choice.of.includes("neurons");
    const replacements = await replacementsFor(runtime, transformer, patching, {
      ...settings,
      neurons,
      signal,
    });
    // A ranking runs a few times: a large model's layers are loaded one after another, which keeps memory small.
    const holds = 4 * bodySize(transformer) < mostHeld;
    const open = openTaskGates({ runtime, model: transformer, encoded, replacements, holds });
    onEvent?.({ kind: "step", step: "rank" });
    const scores = await ranking.score({
      ...{ ...open, ...choice, seed: settings.seed, signal },
      prompts: encoded.validation.map((_, at) => patching.length + at),
      onProgress: (done, total) => onEvent?.({ kind: "progress", step: "rank", done, total }),
    });
    await open.gated.close();
    return {
      ...{ ranking: ranking.name, estimates: ranking.estimates, fails: ranking.fails },
      ...(ranking.losses.length > 0 && { loss: choice.loss }),
      ...{ model: model.name, task: encoded.name, seed: settings.seed },
      components: inOrder(scores),
    };
  });
}

/**
 * @param nameOf the names of options for the user.
 * @throws PithError "options" for a ranking that does not exist, components or a loss that it can't take, or a setting out
 * of its range.
 */
export function checkRankOptions(
  { ranking: name = "fisher", components, loss, signal: _, onEvent: __, ...settings }: RankOptions,
  nameOf: OptionName = (option) => option,
): { readonly ranking: Ranking; readonly of: readonly GateKind[]; readonly loss: Loss } {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  checkExtractOptions(Object.fromEntries(given), nameOf);
  const ranking = rankingNamed(name, nameOf("ranking"));
  const usual = gateKinds.filter((kind) => kind !== "neurons" && ranking.scores.includes(kind));
  const of = components ?? (usual.length > 0 ? usual : ranking.scores);
  const unable = of.find((kind) => !ranking.scores.includes(kind));
  if (unable !== undefined || of.length === 0) {
    throw new PithError(
      "options",
      `has ${unable ?? "no kind"}, but ${ranking.name} scores ${ranking.scores.join(", ")}.`,
      {
        place: { field: nameOf("components") },
      },
    );
  }
  const [first = "kl"] = ranking.losses;
  if (loss !== undefined && !ranking.losses.includes(loss)) {
    const wanted = ranking.losses.length === 0 ? "no loss" : ranking.losses.join(" or ");
    throw new PithError("options", `is ${loss}, but ${ranking.name} takes ${wanted}.`, {
      place: { field: nameOf("loss") },
    });
  }
  return { ranking, of: gateKinds.filter((kind) => of.includes(kind)), loss: loss ?? first };
}

function replacementsFor(
  runtime: Runtime,
  model: Transformer,
  patching: readonly (readonly number[])[],
  { ablation, valueBias, means, ...options }: ReplacementChoice,
): Promise<Replacements> {
  return ablation === "zero"
    ? zeroAblation(model, valueBias)
    : meanReplacements(runtime, model, patching, means, options);
}

type ReplacementChoice = Pick<SearchSettings, "ablation" | "valueBias" | "means" | "firstPosition"> & {
  readonly neurons: boolean;
  readonly signal: AbortSignal | undefined;
};

/**
 * The most useful component first; of equal scores, the order of computing.
 * @throws PithError "runtime" for scores that are not finite.
 */
function inOrder(scores: Partial<GateValues>): readonly RankedComponent[] {
  const ranked: RankedComponent[] = [];
  mapGates(scores, (score, kind, layer, index) => {
    ranked.push({ component: nameOf(kind, layer, index), score });
    return score;
  });
  const faults = ranked.filter(({ score }) => !Number.isFinite(score)).length;
  if (faults > 0) {
    throw new PithError(
      "runtime",
      `${faults} of ${ranked.length} scores are not finite numbers (NaN or infinity): what the model computes on these prompts overflows.`,
    );
  }
  return ranked.sort((one, other) => other.score - one.score);
}

function nameOf(kind: GateKind, layer: number, index: number): string {
  switch (kind) {
    case "heads":
      return nameInModel({ kind: "head", layer, head: index });
    case "mlps":
      return nameInModel({ kind: "mlp", layer });
    case "neurons":
      return nameInModel({ kind: "neuron", layer, neuron: index });
  }
}
