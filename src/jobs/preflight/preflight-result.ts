/** What a preflight tells: plain data, for scripts, for the studio's pages and for the terminal. */
import type { ShareEstimate } from "../../measure/share-estimate.ts";
import type { Split } from "../../tasks/task-file.ts";

export type PreflightCode =
  | "zero-accuracy"
  | "at-chance"
  | "low-accuracy"
  | "prompt-ends-in-space"
  | "answer-spelling"
  | "answer-in-pieces"
  | "few-prompts"
  | "repeated-prompts"
  | "repeated-lines"
  | "test-prompts-seen"
  | "no-test-prompts";

export interface PreflightFinding {
  readonly code: PreflightCode;
  /** "refusal" stops a search unless weak originals are allowed, "warning" only where checks are strict. */
  readonly severity: "note" | "warning" | "refusal";
  /** What was found, a whole sentence. */
  readonly sentence: string;
  /** What to do, a whole sentence; empty where there is nothing to do. */
  readonly advice: string;
}

export interface SplitPreflight {
  readonly examples: number;
  /** How many different prompts these examples have. */
  readonly differentPrompts: number;
  /** How often the original is right; left out for patching prompts, and for a split without prompts. */
  readonly original?: ShareEstimate;
}

/** How the answers are written, against the other side of their space: see `respell`. */
export interface SpellingPreflight {
  /** One answer as it is written, and in the other way. */
  readonly example: { readonly written: string; readonly other: string };
  /** Prompts on which the first tokens of the two differ, so that the model can prefer one. */
  readonly compared: number;
  /** On how many of them the original finds the other way likelier. */
  readonly otherLikelier: number;
  /**
   * How often the original is right when all is written in the other way: measured on a sample, and only where that
   * way is likelier on most prompts or some prompts end in a space.
   */
  readonly other?: ShareEstimate;
}

export interface Preflight {
  /** The task's name. */
  readonly task: string;
  readonly splits: Readonly<Record<Split, SplitPreflight>>;
  /** How often the original is right on validation and test prompts together. */
  readonly original: ShareEstimate;
  /** With labels: how often a guess among them would be right. */
  readonly chance?: number;
  /** How many different answers have how many tokens; by rising number of tokens. */
  readonly answerTokens: readonly { readonly tokens: number; readonly answers: number }[];
  readonly promptsEndingInSpace: number;
  readonly spelling?: SpellingPreflight;
  /** Lines of the task file that repeat another one, and were left out when it was divided. */
  readonly repeatedLines: number;
  /** Different test prompts that are patching or validation prompts as well. */
  readonly seenTestPrompts: number;
  /** What deserves a word, the worst first; empty when nothing does. */
  readonly findings: readonly PreflightFinding[];
}
