/** The evidence for a circuit, as plain data: what `gatherEvidence` gives and the file of `pith evidence` holds. */
import type { FaithfulnessAreas } from "../../measure/faithfulness-areas.ts";
import type { ComponentRecord } from "../../transformer/component.ts";

/** The evidence that a circuit does its task, measured on the patched model with the search's own replacements. */
export interface CircuitEvidence {
  /** The circuit's folder. */
  readonly folder: string;
  /** The task's name. */
  readonly task: string;
  /** SHA-256 of the original's files, the task, the search and its result: what makes the circuit this one. */
  readonly identity: string;
  /** The split of the prompts that everything but minimality is measured on. */
  readonly split: "test" | "validation";
  /** How many prompts they are. */
  readonly prompts: number;
  /**
   * Present if the folder's constants were fitted: then it holds another model than the evidence is of, which is
   * measured under plain means.
   */
  readonly constants?: FittedInFolder;
  /** The circuit itself. */
  readonly circuit: MeasuredEvidence;
  /** The original on the same prompts. */
  readonly original: Pick<MeasuredEvidence, "accuracy" | "answers">;
  /** The comparison with random circuits of the same size. */
  readonly random: RandomComparison;
  /** What happens when single components go, on the validation prompts. */
  readonly minimality: Minimality;
  /** Faithfulness along the search's own ranking, or why there is none. */
  readonly curve: FaithfulnessCurve | MissingCurve;
  /** Results on prompts in other words, or why there are none. */
  readonly wordings: readonly WordingEvidence[] | MissingCurve;
}

/** Results on prompts in other words than those that the circuit was found on. */
export interface WordingEvidence extends MeasuredEvidence {
  /** What is other about the prompts, or the name of their task. */
  readonly name: string;
  /** One of the prompts. */
  readonly example: string;
  /** How many prompts there are. */
  readonly prompts: number;
  /** The original on the same prompts. */
  readonly original: Pick<MeasuredEvidence, "accuracy" | "answers">;
}

/** The folder's model where its constants were fitted: what no evidence of this file is about. */
export interface FittedInFolder {
  /** Whether they were fitted to the finished circuit, or together with the masks that found it. */
  readonly kind: "fitted" | "joint";
  /** KL(original ‖ folder's model) in nats on the same prompts, as circuit.json has it; left out: not measured. */
  readonly kl?: number;
}

/** Why a part of the evidence is missing. */
export interface MissingCurve {
  /** The reason, as a sentence. */
  readonly missing: string;
}

/** A circuit's values on the prompts. */
export interface MeasuredEvidence {
  /** The body's weights that it keeps, as a share of the original's. */
  readonly size: number;
  /** KL(original ‖ circuit) in nats, mean over the prompts. */
  readonly kl: number;
  /** Share of prompts that are answered right, 0 to 1. */
  readonly accuracy: number;
  /**
   * How many different tokens it gives as its most likely first answer. Few answers to a task that has many are a sign
   * that it answers without reading: greater-than is satisfied by always answering 99.
   */
  readonly answers: number;
}

/** How a circuit compares with random ones of the same size. */
export interface RandomComparison {
  /** How many were drawn. */
  readonly count: number;
  /** The seed that drew them. */
  readonly seed: number;
  /** Each random circuit's values, in the order of drawing. */
  readonly drawn: readonly MeasuredEvidence[];
  /** By KL. */
  readonly kl: SufficiencyTest;
  /** By accuracy (a tie is no win). */
  readonly accuracy: SufficiencyTest;
}

/** The one-sided binomial test of "it beats at most 90 % of random circuits" (Shi et al. 2024, arXiv:2410.13032). */
export interface SufficiencyTest {
  /** How many random circuits it beats. */
  readonly beaten: number;
  /** The chance of beating so many or more where 90 % are beaten: small values speak for the circuit. */
  readonly p: number;
}

/** Whether any single component can still go. */
export interface Minimality {
  /** The rule that decides: the search's own. */
  readonly budget: EvidenceBudget;
  /** KL of the circuit on the validation prompts, in nats. */
  readonly kl: number;
  /** Each kept component that was tried, and the circuit without it. */
  readonly tried: readonly WithoutOne[];
  /** How many kept components were not tried, where there are very many: those tried were drawn at random. */
  readonly untried: number;
}

/** What a circuit may lose, on the validation prompts. */
export type EvidenceBudget =
  | {
      /** A component may go if KL grows by less than this, in nats. */
      readonly kind: "growth";
      /** α. */
      readonly value: number;
      /** The largest KL in addition, in nats; left out: none. */
      readonly maxKl?: number;
    }
  | {
      /** KL may be as large as this, in nats. */
      readonly kind: "kl";
      /** The largest KL. */
      readonly value: number;
    }
  | {
      /** Accuracy may be as small as this. */
      readonly kind: "accuracy";
      /** The least accuracy, 0 to 1. */
      readonly value: number;
      /** The largest KL in addition, in nats; left out: none. */
      readonly maxKl?: number;
    }
  | {
      /**
       * Nothing bounds the loss of a single part: only a size was asked for, or a search by gates compared whole circuits
       * with Algorithm 1's.
       */
      readonly kind: "none";
    };

/** A circuit without one of its components, on the validation prompts. */
export interface WithoutOne extends ComponentRecord {
  /** KL without it, in nats. */
  readonly kl: number;
  /** Accuracy without it, 0 to 1. */
  readonly accuracy: number;
  /** Whether the budget lets it go. */
  readonly removable: boolean;
}

/** MIB's curve of faithfulness along a ranking of components. */
export interface FaithfulnessCurve extends FaithfulnessAreas {
  /**
   * The metric m: the mean over prompts of the log-sum-exp of accepted answers' logits less that of the distractors',
   * where every prompt names distractors; else −KL.
   */
  readonly metric: "logit-difference" | "negative-kl";
  /** How many components the ranking has. */
  readonly scored: number;
  /** m with all of them ablated. */
  readonly none: number;
  /** m of the original. */
  readonly whole: number;
  /** The curve's points, by growing share. */
  readonly points: readonly FaithfulnessPoint[];
}

/** The circuit of the highest-ranked components. */
export interface FaithfulnessPoint extends MeasuredEvidence {
  /** Which share of the ranked components it keeps. */
  readonly share: number;
  /** How many these are, rounded down. */
  readonly count: number;
  /** The metric's mean. */
  readonly value: number;
  /** (m − m(∅)) / (m(N) − m(∅)). */
  readonly faithfulness: number;
}
