/** What a preflight tells: plain data, for scripts, for the studio's pages and for the terminal. */
import type { ShareEstimate } from "../../measure/share-estimate.ts";
import type { Split } from "../../tasks/task-file.ts";

/** What a finding is about, for programs to branch on. */
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

/** Something about a task that deserves a word. */
export interface PreflightFinding {
  /** What it is about. */
  readonly code: PreflightCode;
  /**
   * "refusal" stops a search unless weak originals are allowed, "warning" only where checks are strict, "note"
   * never.
   */
  readonly severity: "note" | "warning" | "refusal";
  /** What was found, a whole sentence. */
  readonly sentence: string;
  /** What to do, a whole sentence; empty where there is nothing to do. */
  readonly advice: string;
}

/** What was found of one split. */
export interface SplitPreflight {
  /** How many examples it has. */
  readonly examples: number;
  /** How many different prompts these examples have. */
  readonly differentPrompts: number;
  /** How often the original is right; left out for patching prompts, and for a split without prompts. */
  readonly original?: ShareEstimate;
}

/** How the answers are written, against the other side of their space: see `respell`. */
export interface SpellingPreflight {
  /** One answer in both spellings. */
  readonly example: {
    /** As the task writes it. */
    readonly written: string;
    /** In the other way. */
    readonly other: string;
  };
  /** On how many prompts the first tokens of the two differ, so that the model can prefer one. */
  readonly compared: number;
  /** On how many of them the original finds the other way likelier. */
  readonly otherLikelier: number;
  /**
   * How often the original is right when all is written in the other way: measured on a sample, and only where that
   * way is likelier on most prompts or some prompts end in a space.
   */
  readonly other?: ShareEstimate;
}

/** What can be known of a task before it is searched. */
export interface Preflight {
  /** The task's name. */
  readonly task: string;
  /** What was found of each split. */
  readonly splits: Readonly<Record<Split, SplitPreflight>>;
  /** How often the original is right on validation and test prompts together. */
  readonly original: ShareEstimate;
  /** With labels, how often a guess among them would be right, 0 to 1. */
  readonly chance?: number;
  /** How many different answers have how many tokens, by rising number of tokens. */
  readonly answerTokens: readonly {
    /** Tokens of an answer. */
    readonly tokens: number;
    /** How many different answers have so many. */
    readonly answers: number;
  }[];
  /** How many prompts end in a space, which most tokenizers put before the next word instead. */
  readonly promptsEndingInSpace: number;
  /** How the answers are written, where they can be written otherwise. */
  readonly spelling?: SpellingPreflight;
  /** How many lines of the task file repeat another one, and were left out when it was divided. */
  readonly repeatedLines: number;
  /** How many different test prompts are patching or validation prompts as well. */
  readonly seenTestPrompts: number;
  /** What deserves a word, the worst first; empty when nothing does. */
  readonly findings: readonly PreflightFinding[];
}
