/** The options of an extraction, with their defaults and ranges. */

import type { FirstPositionChoice } from "../../discovery/first-position.ts";
import type { ValueBias } from "../../discovery/replacements.ts";
import { singleComponents } from "../../discovery/search-units.ts";
import {
  alphaOption,
  earlyExitOption,
  orderOption,
  passesOption,
} from "../../discovery/searches/greedy/greedy-options.ts";
import { searchNamed } from "../../discovery/searches/index.ts";
import type { Target } from "../../discovery/searches/target/target-options.ts";
import type { SearchOptionValues, SearchUse } from "../../discovery/searches/use-search.ts";
import type { ConstantsRecord } from "../../export/constants-record.ts";
import type { Dtype, NarrowDtype } from "../../export/dtype.ts";
import type { CacheKind } from "../../lowering/cache-heads.ts";
import type { OperatorSet } from "../../lowering/operator-set.ts";
import { type NumberRange, wholeNumbers } from "../../number-range.ts";
import type { Device } from "../../runtime/engine.ts";
import type { Order } from "../../transformer/component.ts";
import type { OnEvent } from "../events.ts";

/** What a search depends on, and how it is run. In {@link ExtractOptions} every one of them may be left out. */
export interface SearchSettings {
  /**
   * The search to use, by its name, with its options. Left out, the search named "target" is used where there is a
   * target, and "greedy" otherwise; these take their options from `alpha`, `maxKl`, `passes`, `order` and `earlyExit`. "learned",
   * "iterative" and "ranked" go by gates on heads and neurons; without a target, their circuit is as faithful as that of
   * "greedy" at their option `alpha`.
   * @defaultValue undefined
   * @example
   * ```ts
   * { search: { name: "greedy", options: { alpha: 0.05 } } }
   * ```
   */
  readonly search: ChosenSearch | undefined;
  /**
   * Greedy search: a component is pruned if the KL divergence grows by less than this when it is replaced, in nats.
   * A larger one gives a smaller circuit.
   * @defaultValue 0.02
   * @example
   * ```ts
   * { alpha: 0.05 }
   * ```
   */
  readonly alpha: number;
  /**
   * Greedy and target search: a component is kept if pruning it would take the KL divergence above this, in nats.
   * @defaultValue undefined, no bound
   * @example
   * ```ts
   * { alpha: 0.05, maxKl: 0.5 }
   * ```
   */
  readonly maxKl: number | undefined;
  /**
   * Greedy search: kept components are tried again until nothing changes, in at most this many passes.
   * @defaultValue 1
   * @example
   * ```ts
   * { passes: 2 }
   * ```
   */
  readonly passes: number;
  /**
   * Greedy search: a component that is certainly kept is not tried on the rest of the validation prompts. The circuit is
   * the same; the trace holds a lower bound for such a component (`atLeast`).
   * @defaultValue false
   * @example
   * ```ts
   * { earlyExit: true }
   * ```
   */
  readonly earlyExit: boolean;
  /**
   * Find the smallest circuit that meets this target, instead of the one that the search's options give.
   * @defaultValue undefined
   * @example
   * ```ts
   * { target: { kind: "accuracy", value: 0.99 } }
   * ```
   */
  readonly target: Target | undefined;
  /**
   * The replacement of pruned components: its mean output over the patching prompts, or zero.
   * @defaultValue "mean"
   * @example
   * ```ts
   * { ablation: "zero" }
   * ```
   */
  readonly ablation: "mean" | "zero";
  /**
   * With zero ablation, whether a pruned head's value bias is removed with it, or kept, as in the published code.
   * @defaultValue "removed"
   * @example
   * ```ts
   * { ablation: "zero", valueBias: "kept" }
   * ```
   */
  readonly valueBias: ValueBias;
  /**
   * The constants in the place of what is pruned: its means ("mean"); one vector before each remaining reader that is fitted
   * to the original's answers when the circuit is found ("fitted"); or vectors that are trained together with the masks of
   * the learned search, and then once more ("joint"). Fitted constants make the circuit much better or smaller, and no
   * evidence of a mechanism: circuit.json holds the KL under plain means too. Refused with
   * zero ablation and `memory`; "joint" with any search but "learned".
   * @defaultValue "mean"
   * @example
   * ```ts
   * { constants: "fitted" }
   * ```
   */
  readonly constants: ConstantsChoice;
  /**
   * Whether MLPs may be pruned.
   * @defaultValue true
   * @example
   * ```ts
   * { mlps: false }
   * ```
   */
  readonly mlps: boolean;
  /**
   * What a search tries as one candidate, by name: each head and each MLP by itself ("heads,mlps"), each head and each
   * neuron ("heads,neurons", for searches by gates), all query heads of a key/value head together ("kv-groups"), all
   * heads of a layer ("attention-layers"), or what `registerSearchUnits` added.
   * @defaultValue "heads,mlps"; "heads,neurons" for searches by gates
   * @example
   * ```ts
   * { components: "kv-groups" }
   * ```
   */
  readonly components: string;
  /**
   * Whether each position has a mean of its own ("aligned": prompts of one length, the fastest circuits), or all
   * positions have one ("pooled": prompts of any length, and a key/value cache).
   * @defaultValue "aligned"
   * @example
   * ```ts
   * { means: "pooled" }
   * ```
   */
  readonly means: "aligned" | "pooled";
  /**
   * With pooled means, whether the first position has means of its own ("apart") or is one as all others ("same").
   * "auto" treats it apart if some layer makes it an attention sink: after that layer its median residual norm over
   * the patching prompts is at least ten times the median of all other positions. It is refused with aligned means
   * and with zero ablation.
   * @defaultValue "auto"
   * @example
   * ```ts
   * { means: "pooled", firstPosition: "same" }
   * ```
   */
  readonly firstPosition: FirstPositionChoice;
  /**
   * Greedy and target search: which components of a layer are tried first.
   * @defaultValue "published"
   * @example
   * ```ts
   * { order: "downstream" }
   * ```
   */
  readonly order: Order;
  /**
   * Whether the model's start token is put before every prompt.
   * @defaultValue what the task says, else false
   * @example
   * ```ts
   * { bos: true }
   * ```
   */
  readonly bos: boolean;
  /**
   * Whether prompts are put through the model's chat template, each as a user's turn; the answer then stands where
   * the assistant's turn begins, and is written as the template writes it there, mostly without its space.
   * @defaultValue what the task says, else false
   * @example
   * ```ts
   * { chat: true }
   * ```
   */
  readonly chat: boolean;
  /**
   * The seed for splitting a task file that does not say how, and for resampling.
   * @defaultValue 0
   * @example
   * ```ts
   * { seed: 7 }
   * ```
   */
  readonly seed: number;
  /**
   * How many times the search is repeated on resampled prompts, to see how stable its circuit is.
   * @defaultValue undefined, not at all
   * @example
   * ```ts
   * { bootstrap: 20 }
   * ```
   */
  readonly bootstrap: number | undefined;
  /**
   * With `bootstrap`, ship the components that were kept in at least this share of the resampled searches, instead
   * of those that all prompts gave.
   * @defaultValue undefined
   * @example
   * ```ts
   * { bootstrap: 20, frequency: 0.5 }
   * ```
   */
  readonly frequency: number | undefined;
  /**
   * Cuts what kept heads write to this rank, fewer than a head is wide, or to the smallest that keeps KL on patching and
   * validation prompts within the search's α of the whole heads' ("auto"; with a target for KL, within the target; an
   * accuracy that is a target stays). Values and W_O become as narrow as the rank. The cut is the data-whitened singular
   * value decomposition of each head's W_O over the patching prompts; heads that share values share one.
   * @defaultValue undefined, heads stay whole
   * @example
   * ```ts
   * { headRank: "auto" }
   * ```
   */
  readonly headRank: number | "auto" | undefined;
  /**
   * The number format of the shipped weights. The loss of a format narrower than float32 is measured, and a loss
   * that is too large is refused unless `force` is given.
   * @defaultValue "f32"
   * @example
   * ```ts
   * { dtype: "int8" }
   * ```
   */
  readonly dtype: Dtype;
  /**
   * Further number formats in the same folder, beside float32.
   * @defaultValue [], none
   * @example
   * ```ts
   * { formats: ["f16", "int8"] }
   * ```
   */
  readonly formats: readonly NarrowDtype[];
  /**
   * Which operators the shipped graph uses: only standard ONNX ("portable"), or ONNX Runtime's own too, where
   * they are faster ("onnxruntime").
   * @defaultValue "portable"
   * @example
   * ```ts
   * { operators: "onnxruntime" }
   * ```
   */
  readonly operators: OperatorSet;
  /**
   * With pooled means, how many heads each cache has: as many in all layers as tools derive from config.json
   * ("uniform"), or as many as the layer keeps, which takes less memory ("exact").
   * @defaultValue "uniform"
   * @example
   * ```ts
   * { means: "pooled", caches: "exact" }
   * ```
   */
  readonly caches: CacheKind;
  /**
   * How many threads compute.
   * @defaultValue undefined: one for a small model, else as many as the machine has cores
   * @example
   * ```ts
   * { threads: 2 }
   * ```
   */
  readonly threads: number | undefined;
  /**
   * A bound of the whole process's resident memory, in bytes. The run is planned before it begins: where residual
   * streams do not fit, they wait in a folder beside the output; where a layer's activations do not fit, batches are
   * smaller. Results are the same. A bound that is too small is refused with the least one that would do, and a search
   * that keeps more than the bound has room for ends with an error.
   * @defaultValue undefined, no bound
   * @example
   * ```ts
   * { memory: 3e9 }
   * ```
   */
  readonly memory: number | undefined;
  /**
   * The device that computes: the processor, or a graphics card through WebGPU.
   * @defaultValue "cpu"
   * @example
   * ```ts
   * { device: "webgpu" }
   * ```
   */
  readonly device: Device;
  /**
   * Treat every warning of the preflight as a reason not to search.
   * @defaultValue false
   * @example
   * ```ts
   * { strict: true }
   * ```
   */
  readonly strict: boolean;
  /**
   * Search even if the original can't do the task: it is never right, or no more often than by chance.
   * @defaultValue false
   * @example
   * ```ts
   * { allowWeak: true }
   * ```
   */
  readonly allowWeak: boolean;
  /**
   * Replace an existing circuit folder, and accept any loss of a narrow number format.
   * @defaultValue false
   * @example
   * ```ts
   * { force: true }
   * ```
   */
  readonly force: boolean;
  /**
   * Continue an interrupted search to the same folder. The options must be the same.
   * @defaultValue false
   * @example
   * ```ts
   * { resume: true }
   * ```
   */
  readonly resume: boolean;
}

/** How the constants are chosen that stand for what is pruned. */
export type ConstantsChoice = "mean" | ConstantsRecord["kind"];

/** All choices of constants. */
export const constantsChoices = ["mean", "fitted", "joint"] as const satisfies ConstantsChoice[];

/** A search by its name, with the options that differ from their defaults. */
export interface ChosenSearch {
  /** The name that the search was registered with. */
  readonly name: string;
  /**
   * The options that differ from their defaults.
   * @defaultValue {}, all defaults
   */
  readonly options?: SearchOptionValues | undefined;
}

/**
 * The options of {@link extract}: settings of the search and of its run, each with a default, and how the caller
 * watches and ends it.
 */
export interface ExtractOptions extends Partial<SearchSettings> {
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, decisions, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/** The defaults of {@link extract}. */
export const defaultExtractOptions: SearchSettings = {
  search: undefined,
  alpha: alphaOption.initial,
  maxKl: undefined,
  passes: passesOption.initial,
  earlyExit: earlyExitOption.initial,
  target: undefined,
  ablation: "mean",
  valueBias: "removed",
  constants: "mean",
  mlps: true,
  components: singleComponents.name,
  means: "aligned",
  firstPosition: "auto",
  order: orderOption.initial,
  bos: false,
  chat: false,
  seed: 0,
  bootstrap: undefined,
  frequency: undefined,
  headRank: undefined,
  dtype: "f32",
  formats: [],
  operators: "portable",
  caches: "uniform",
  threads: undefined,
  memory: undefined,
  device: "cpu",
  strict: false,
  allowWeak: false,
  force: false,
  resume: false,
};

/** The name of an option for the user: on the command line, options have other names than in the library. */
export type OptionName = (option: string) => string;

/** How many threads compute. */
export const threadRange = wholeNumbers(1, 1024, "Leave it out to have it chosen.");

/** A rank of heads. What is as wide as a head, or wider, is refused when the model is known. */
export const headRankRange = wholeNumbers(1, 65_536, "auto takes the smallest rank that does.");

/** A bound of memory, in bytes. */
export const memoryRange: NumberRange = { least: 1, whole: true, wanted: "a whole number of bytes from 1" };

/** The search that the settings choose, with its options. @throws PithError "options" that names the option. */
export function searchOf(
  { search, target, alpha, maxKl, passes, order, earlyExit }: SearchSettings,
  nameOf: OptionName = (option) => option,
): SearchUse {
  if (search !== undefined) {
    return searchNamed(search.name).use(search.options ?? {}, (option) => nameOf(`search.options.${option}`));
  }
  return target === undefined
    ? searchNamed("greedy").use({ alpha, maxKl, passes, order, ...(earlyExit && { earlyExit }) }, nameOf)
    : searchNamed("target").use({ maxKl, order }, nameOf);
}
