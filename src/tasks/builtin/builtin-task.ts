/** The input and output types of the built-in generators; each task has a file of its own beside this one. */
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { TaskExample } from "../task-file.ts";

/** The tasks that come with Pith. */
export type BuiltinTaskName = (typeof builtinTaskNames)[number];

/** In the order in which lists show them; the paper's come first. */
export const builtinTaskNames = [
  ...(["ioi", "greater-than", "acronyms"] as const),
  ...(["induction", "docstring", "agreement", "pronouns", "capitals"] as const),
] as const;

/** The part of a tokenizer that a generator needs. */
export type TaskTokenizer = Pick<Tokenizer, "encode">;

/** The part of a tokenizer that is needed by a generator which draws from the whole vocabulary. */
export type VocabularyTokenizer = TaskTokenizer & Pick<Tokenizer, "tokenText" | "vocabularySize">;

/** How many prompts a built-in task draws for each split. */
export interface PromptCounts {
  /**
   * Prompts that means are computed over.
   * @defaultValue 150; 250 for greater-than and acronyms, as published; for capitals a third of those that serve
   */
  readonly patching?: number | undefined;
  /**
   * Prompts that choose the circuit.
   * @defaultValue 150; 250 for greater-than and acronyms, as published; for capitals a third of those that serve
   */
  readonly validation?: number | undefined;
  /**
   * Prompts that are used for neither.
   * @defaultValue 150; 250 for greater-than and acronyms, as published; for capitals a third of those that serve
   */
  readonly test?: number | undefined;
}

export interface BuiltinTaskOptions {
  /**
   * Whether an answer will do where it will stand: in a chat it loses its space, and may then be several tokens.
   * `alone` says whether it is the only one that is right, without labels. Only prompts of which all answers and
   * labels do are drawn.
   * @defaultValue every answer does
   */
  readonly acceptsAnswer?: ((text: string, alone: boolean) => boolean) | undefined;
  /**
   * The seed that draws the prompts: the same seed and tokenizer give the same prompts on any machine.
   * @defaultValue 0
   */
  readonly seed?: number | undefined;
  /**
   * How many prompts are drawn for each split.
   * @defaultValue as said at each split
   */
  readonly counts?: PromptCounts | undefined;
  /**
   * Indirect objects and capitals: whether prompts must have one length. With "aligned", templates and countries
   * whose token count differs from that of most are left out, and `notes` says so; "pooled" keeps them all. A
   * mean over templates of one length still mixes different words at a position.
   * @defaultValue "aligned"
   */
  readonly means?: "aligned" | "pooled" | undefined;
}

/** How many of the given words the tokenizer encodes as the task needs. */
export interface WordCount {
  /** The kind of words, in the plural: "names", "years". */
  readonly kind: string;
  readonly given: number;
  readonly kept: number;
}

export interface BuiltinTask {
  readonly name: BuiltinTaskName;
  /** One sentence. */
  readonly description: string;
  /** Patching, validation, test, in this order; lines count from 1; no prompt occurs twice. */
  readonly examples: readonly TaskExample[];
  /** Whether the published experiments put the start token before the prompt. */
  readonly bos: boolean;
  /** Tokens of every prompt, without the start token; undefined when they differ. */
  readonly promptTokens: number | undefined;
  readonly words: readonly WordCount[];
  /** What was left out and why, one sentence each; may be empty. */
  readonly notes: readonly string[];
}
