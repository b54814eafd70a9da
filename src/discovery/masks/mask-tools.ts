/** What the method of a search by masks works with, and what it gives. */
import type { GateEngine } from "../gates/gate-engine.ts";
import type { StreamConstants } from "../gates/gate-passes.ts";
import type { GatedModel } from "../gates/gated-model.ts";
import type { Replacements } from "../replacements.ts";
import type { Mask } from "./gate-space.ts";
import type { MaskBudget } from "./mask-budget.ts";
import type { MaskModel } from "./mask-model.ts";
import type { PromptSets } from "./prompt-sets.ts";

/** What a method works with. */
export interface MaskTools {
  readonly engine: GateEngine;
  readonly gated: GatedModel;
  /** What stands at gates of 0. */
  readonly replacements: Replacements;
  readonly model: MaskModel;
  readonly sets: PromptSets;
  /** A third of the learning prompts: enough for rankings. */
  readonly sample: readonly number[];
  readonly budget: MaskBudget;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  /** Counts one step of the method, for progress. */
  readonly step: () => void;
}

/** What a method finds. */
export interface FoundMask {
  readonly mask: Mask;
  /** Vectors that were trained with it; left out: the constants are means. */
  readonly constants?: StreamConstants;
  /** All units, the most important first, where the method ranks them for all sizes. */
  readonly order?: readonly number[];
}
