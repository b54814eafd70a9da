/** The result of a preflight: plain data, for scripts, for the studio's pages and for the terminal. */
import type { ShareEstimate } from "../../measure/share-estimate.ts";
import type { Split } from "../../tasks/task-file.ts";

/** The kind of a finding, for programs. */
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

/** A remark on a task. */
export interface PreflightFinding {
  /** Its kind. */
  readonly code: PreflightCode;
  /**
   * "refusal" stops a search unless weak originals are allowed, "warning" only with strict checks, "note" never.
   */
  readonly severity: "note" | "warning" | "refusal";
  /** The finding, as a whole sentence. */
  readonly sentence: string;
  /** What to do, as a whole sentence; empty if there is nothing to do. */
  readonly advice: string;
}

/** The findings about one split. */
export interface SplitPreflight {
  /** How many examples it has. */
  readonly examples: number;
  /** How many different prompts these examples have. */
  readonly differentPrompts: number;
  /** How often the original is right; left out for patching prompts, and for a split without prompts. */
  readonly original?: ShareEstimate;
}

/**
 * A comparison of two spellings of the answers: as written, and with the space on the other side: see `respell`.
 */
export interface SpellingPreflight {
  /** One answer in both spellings. */
  readonly example: {
    /** As the task writes it. */
    readonly written: string;
    /** The other spelling. */
    readonly other: string;
  };
  /** On how many prompts the first tokens of the two differ, so that the model can prefer one. */
  readonly compared: number;
  /** On how many of them the other spelling is more likely for the original. */
  readonly otherLikelier: number;
  /**
   * How often the original is right when everything is written in the other spelling. It is measured on a sample,
   * and only if that spelling is more likely on most prompts or some prompts end in a space.
   */
  readonly other?: ShareEstimate;
}

/** The findings about a task before the search. */
export interface Preflight {
  /** The task's name. */
  readonly task: string;
  /** The findings about each split. */
  readonly splits: Readonly<Record<Split, SplitPreflight>>;
  /** How often the original is right on validation and test prompts together. */
  readonly original: ShareEstimate;
  /** With labels, how often a guess among them would be right, 0 to 1. */
  readonly chance?: number;
  /** How many different answers have how many tokens, by ascending number of tokens. */
  readonly answerTokens: readonly {
    /** Tokens of an answer. */
    readonly tokens: number;
    /** How many different answers have that number. */
    readonly answers: number;
  }[];
  /** How many prompts end in a space, which most tokenizers put before the next word instead. */
  readonly promptsEndingInSpace: number;
  /** How the answers are written, if there is another spelling. */
  readonly spelling?: SpellingPreflight;
  /** How many lines of the task file repeat another one and were left out when it was split. */
  readonly repeatedLines: number;
  /** How many different test prompts are also patching or validation prompts. */
  readonly seenTestPrompts: number;
  /** The remarks on the task, the worst first; may be empty. */
  readonly findings: readonly PreflightFinding[];
}
