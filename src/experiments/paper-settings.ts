/**
 * The settings of the published experiments (paper, section 4 and appendix E): the defaults of `pith reproduce`.
 */
import { logSpaced } from "./sweep-plan.ts";

/** The replacement of pruned components: their mean output, or zero. */
export type Ablation = "mean" | "zero";

/** One curve of Figures 2 to 7: how components were ablated, and which. */
export interface Setting {
  /** The replacement of pruned components. */
  readonly ablation: Ablation;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
}

/** In the figures' order. */
export const PAPER_SETTINGS: readonly Setting[] = [
  { ablation: "mean", mlps: false },
  { ablation: "mean", mlps: true },
  { ablation: "zero", mlps: false },
  { ablation: "zero", mlps: true },
];

/**
 * 30 thresholds from 1e-5 to 1 with equal steps of the logarithm, as in the published files of IOI and acronyms.
 */
export const PAPER_ALPHAS: readonly number[] = logSpaced(1e-5, 1, 30);

/** Greater-than has as many thresholds, but up to 10. */
export const PAPER_ALPHAS_OF_YEARS: readonly number[] = logSpaced(1e-5, 10, 30);

/** How often an experiment is repeated, each time with new prompts. */
export const PAPER_REPEATS = 5;

/** A row of Tables 1 and 3: mean ablation, at a threshold that was chosen by looking at the figures. */
export interface TableChoice {
  /** The task's name. */
  readonly task: string;
  /** Whether MLPs could be pruned. */
  readonly mlps: boolean;
  /** The threshold, in nats. */
  readonly alpha: number;
}

/** In the tables' order, with α as printed. */
export const PAPER_TABLE: readonly TableChoice[] = [
  { task: "acronyms", mlps: false, alpha: 0.0886 },
  { task: "acronyms", mlps: true, alpha: 0.035 },
  { task: "ioi", mlps: false, alpha: 0.00853 },
  { task: "ioi", mlps: true, alpha: 0.0188 },
  { task: "greater-than", mlps: false, alpha: 0.0853 },
  { task: "greater-than", mlps: true, alpha: 0.0853 },
];

/** The paper's tasks, in the tables' order. */
export const PAPER_TASKS: readonly string[] = ["acronyms", "ioi", "greater-than"];

/** The figures of the paper that show a task: size against α, and accuracy against size. */
export const PAPER_FIGURES: ReadonlyMap<string, { readonly size: number; readonly accuracy: number }> =
  new Map([
    ["acronyms", { size: 2, accuracy: 3 }],
    ["ioi", { size: 4, accuracy: 5 }],
    ["greater-than", { size: 6, accuracy: 7 }],
  ]);

/** Figures 8 and 9. */
export const PAPER_ROC_FIGURES: Readonly<Record<Ablation, number>> = { mean: 8, zero: 9 };

/** The name of a setting in tables and legends: "mean, heads only". */
export function settingName({ ablation, mlps }: Setting): string {
  return `${ablation} ablation, ${mlps ? "heads and MLPs" : "heads only"}`;
}
