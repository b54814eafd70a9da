/** The options of an extraction, their defaults, and what they may be. */

import type { ValueBias } from "../../discovery/replacements.ts";
import type { Target } from "../../discovery/searches/target/target.ts";
import { PithError } from "../../errors.ts";
import { type Dtype, dtypes, type NarrowDtype, narrowDtypes } from "../../export/dtype.ts";
import { type CacheKind, cacheKinds } from "../../lowering/cache-heads.ts";
import type { Target as Operators } from "../../lowering/target.ts";
import type { Device } from "../../runtime/engine.ts";
import type { Order } from "../../transformer/component.ts";
import type { OnEvent } from "../events.ts";

export type { Operators };

/** What the search depends on, and how it is run. */
export interface SearchSettings {
  /** A component goes if KL grows by less than this when it is replaced; nats. */
  readonly alpha: number;
  /** Nothing is pruned whose KL would be above this; nats. */
  readonly maxKl: number | undefined;
  /** What was kept is tried again until nothing changes, in so many passes at most. */
  readonly passes: number;
  /** Find the smallest circuit that holds this, instead of one at a given alpha. */
  readonly target: Target | undefined;
  /** What a pruned component is replaced by: its mean over the patching prompts, or zero. */
  readonly ablation: "mean" | "zero";
  /** With zero ablation: whether a pruned head's value bias goes with it, or stays, as in the published code. */
  readonly valueBias: ValueBias;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** One mean for each position (prompts of one length; the fastest circuits), or one for all (any length). */
  readonly means: "aligned" | "pooled";
  readonly order: Order;
  /** Put the model's start token before every prompt. */
  readonly bos: boolean;
  /** For splitting a task file that does not say how, and for resampling. */
  readonly seed: number;
  /** How many times the search is repeated on resampled prompts, to see how stable its circuit is. */
  readonly bootstrap: number | undefined;
  /** Ship the components that were kept in at least this share of the resampled searches. */
  readonly frequency: number | undefined;
  /** The number format of the shipped weights. */
  readonly dtype: Dtype;
  /** Further number formats in the same folder, beside float32. */
  readonly formats: readonly NarrowDtype[];
  /** The operators of the shipped graph: standard ONNX, or ONNX Runtime's own too. */
  readonly operators: Operators;
  /**
   * With pooled means, how many heads each cache has: as many in all layers as tools derive from config.json, or
   * as many as the layer keeps, which takes less memory.
   */
  readonly caches: CacheKind;
  /** Threads for computing; undefined: one for a small model, else as many as the machine has cores. */
  readonly threads: number | undefined;
  readonly device: Device;
  /** Take every warning of the preflight for a reason not to search. */
  readonly strict: boolean;
  /** Search though the original can't do the task: it is never right, or no more often than by chance. */
  readonly allowWeak: boolean;
  /** Replace a circuit folder that is there, and accept what a narrow number format loses. */
  readonly force: boolean;
  /** Go on where an interrupted search to the same folder was. */
  readonly resume: boolean;
}

export interface ExtractOptions extends Partial<SearchSettings> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export const defaultExtractOptions: SearchSettings = {
  alpha: 0.02,
  maxKl: undefined,
  passes: 1,
  target: undefined,
  ablation: "mean",
  valueBias: "removed",
  mlps: true,
  means: "aligned",
  order: "published",
  bos: false,
  seed: 0,
  bootstrap: undefined,
  frequency: undefined,
  dtype: "f32",
  formats: [],
  operators: "portable",
  caches: "uniform",
  threads: undefined,
  device: "cpu",
  strict: false,
  allowWeak: false,
  force: false,
  resume: false,
};

/** What an option is called where it is given: the command line has other names for them than the library. */
export type OptionName = (option: string) => string;

/** Fills in the defaults. @throws PithError "options" that names the option. */
export function checkExtractOptions(
  options: ExtractOptions,
  nameOf: OptionName = (option) => option,
): SearchSettings {
  const require = (option: string, value: unknown, valid: boolean, wanted: string) =>
    requireOption(nameOf(option), value, valid, wanted);
  const { signal: _signal, onEvent: _onEvent, ...given } = options;
  const settings = { ...defaultExtractOptions, ...given };
  const { alpha, ablation, valueBias, means, order, seed, threads } = settings;
  require("alpha", alpha, Number.isFinite(alpha) && alpha > 0, "a positive number");
  require("ablation", ablation, ["mean", "zero"].includes(ablation), "mean or zero");
  require("valueBias", valueBias, ["removed", "kept"].includes(valueBias), "removed or kept");
  require("means", means, ["aligned", "pooled"].includes(means), "aligned or pooled");
  require("dtype", settings.dtype, dtypes.includes(settings.dtype), dtypes.join(", "));
  const wanted = `each of ${narrowDtypes.join(", ")} at most once, beside float32`;
  require("formats", settings.formats, areFormats(settings), wanted);
  const { operators } = settings;
  require("operators", operators, ["portable", "onnxruntime"].includes(operators), "portable or onnxruntime");
  require("caches", settings.caches, cacheKinds.includes(settings.caches), cacheKinds.join(" or "));
  require("order", order, ["published", "downstream"].includes(order), "published or downstream");
  require("seed", seed, Number.isSafeInteger(seed) && seed >= 0, "a whole number from 0 on");
  require("threads", threads, threads === undefined ||
    (Number.isSafeInteger(threads) && threads >= 1), "a whole number from 1 on");
  require("device", settings.device, ["cpu", "webgpu"].includes(settings.device), "cpu or webgpu");
  const { maxKl, passes } = settings;
  require("maxKl", maxKl, maxKl === undefined ||
    (Number.isFinite(maxKl) && maxKl >= 0), "a number from 0 on");
  require("passes", passes, Number.isSafeInteger(passes) && passes >= 1, "a whole number from 1 on");
  checkTarget(settings, options.alpha, nameOf);
  checkStabilityOptions(settings, nameOf);
  return settings;
}

function areFormats({ dtype, formats }: SearchSettings): boolean {
  const each = formats.every((format, at) => narrowDtypes.includes(format) && formats.indexOf(format) === at);
  return each && (formats.length === 0 || dtype === "f32");
}

/** @param alpha as it was given. */
function checkTarget(
  { target, maxKl, passes, bootstrap }: SearchSettings,
  alpha: number | undefined,
  nameOf: OptionName,
): void {
  if (target === undefined) return;
  const { kind, value } = target;
  const field = nameOf(`target-${kind}`);
  requireOption(nameOf("target"), kind, ["accuracy", "kl", "size"].includes(kind), "accuracy, kl or size");
  const [least, most] = kind === "accuracy" ? [Number.MIN_VALUE, 1] : [0, kind === "kl" ? Infinity : 1];
  const wanted = {
    accuracy: "a share above 0 and up to 1",
    kl: "a number from 0 on",
    size: "a share from 0 to 1",
  };
  requireOption(field, value, Number.isFinite(value) && value >= least && value <= most, wanted[kind]);
  const clash = (other: string, why: string) =>
    new PithError("options", `can't go with ${nameOf(other)}: ${why}.`, {
      place: { field },
      advice: "Leave one of them out.",
    });
  if (alpha !== undefined) throw clash("alpha", "a target chooses its own");
  if (passes > 1) throw clash("passes", "a search for a target tries again until nothing changes anyway");
  if (bootstrap !== undefined) throw clash("bootstrap", "resampled searches need a fixed alpha");
  if (maxKl !== undefined && kind !== "accuracy") throw clash("maxKl", "only an accuracy leaves the KL open");
}

function checkStabilityOptions({ bootstrap, frequency }: SearchSettings, nameOf: OptionName): void {
  requireOption(
    nameOf("bootstrap"),
    bootstrap,
    bootstrap === undefined || (Number.isSafeInteger(bootstrap) && bootstrap >= 2),
    "a whole number from 2 on",
  );
  requireOption(
    nameOf("frequency"),
    frequency,
    frequency === undefined || (frequency > 0 && frequency <= 1),
    "a share of the runs, above 0 and up to 1",
  );
  if (frequency !== undefined && bootstrap === undefined) {
    throw new PithError("options", "a frequency is a share of resampled searches, and there are none.", {
      place: { field: nameOf("frequency") },
      advice: `Give the number of searches as well: ${nameOf("bootstrap")} 20, say.`,
    });
  }
}

function requireOption(field: string, value: unknown, valid: boolean, wanted: string): void {
  if (!valid)
    throw new PithError("options", `is ${String(value)}, but must be ${wanted}.`, { place: { field } });
}
