/** The options of an extraction, their defaults, and what they may be. */

import type { Order } from "../discovery/search.ts";
import { PithError } from "../errors.ts";
import type { OnEvent } from "./events.ts";

/** What the search depends on, and how it is run. */
export interface SearchSettings {
  /** A component goes if KL grows by less than this when it is replaced; nats. */
  readonly alpha: number;
  /** What a pruned component is replaced by: its mean over the patching prompts, or zero. */
  readonly ablation: "mean" | "zero";
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** One mean for each position (prompts of one length; the fastest circuits), or one for all (any length). */
  readonly means: "aligned" | "pooled";
  readonly order: Order;
  /** Put the model's start token before every prompt. */
  readonly bos: boolean;
  /** For splitting a task file that does not say how. */
  readonly seed: number;
  /** Threads for computing; undefined: as many as the machine has cores. */
  readonly threads: number | undefined;
  /** Replace a circuit folder that is there. */
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
  ablation: "mean",
  mlps: true,
  means: "aligned",
  order: "published",
  bos: false,
  seed: 0,
  threads: undefined,
  force: false,
  resume: false,
};

/** Fills in the defaults. @throws PithError "options" that names the option. */
export function checkExtractOptions(options: ExtractOptions): SearchSettings {
  const { signal: _signal, onEvent: _onEvent, ...given } = options;
  const settings = { ...defaultExtractOptions, ...given };
  const { alpha, ablation, means, order, seed, threads } = settings;
  require("alpha", alpha, Number.isFinite(alpha) && alpha > 0, "a positive number");
  require("ablation", ablation, ["mean", "zero"].includes(ablation), "mean or zero");
  require("means", means, ["aligned", "pooled"].includes(means), "aligned or pooled");
  require("order", order, ["published", "downstream"].includes(order), "published or downstream");
  require("seed", seed, Number.isSafeInteger(seed) && seed >= 0, "a whole number from 0 on");
  require("threads", threads, threads === undefined ||
    (Number.isSafeInteger(threads) && threads >= 1), "a whole number from 1 on");
  return settings;
}

function require(field: string, value: unknown, valid: boolean, wanted: string): void {
  if (!valid)
    throw new PithError("options", `is ${String(value)}, but must be ${wanted}.`, { place: { field } });
}
