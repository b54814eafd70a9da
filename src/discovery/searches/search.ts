/**
 * The interface of a search: a method that makes a circuit and a trace from a model, a task and a budget. A
 * search is one value with a name, a schema of its options and a function; `index.ts` lists those that come with
 * Pith, and all other code gets them from there. Passes are part of a search; sweeps and bootstraps run one.
 */
import type { z } from "zod";
import type { Circuit } from "../../transformer/circuit.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Evaluator } from "../evaluator/evaluator.ts";
import type { StreamConstants } from "../gates/gate-passes.ts";
import type { OpenGates } from "../gates/open-gates.ts";
import type { Replacements } from "../replacements.ts";
import type { SearchUnits } from "../search-units.ts";
import type { StepFault } from "../step-fault.ts";
import type { Decision, SearchResult } from "./decision.ts";
import type { JudgeAnswer } from "./target/assess.ts";
import type { Target } from "./target/target-options.ts";

/**
 * A search: its name, its options and a function. Register it with {@link registerSearch}, and `extract` can use
 * it.
 * @typeParam Options the options that a person may choose.
 * @typeParam Entry an entry of the search's journal, as JSON keeps it; `never` for a search without one.
 */
export interface Search<Options extends object, Entry = never> {
  /** The search's name in options and in circuit.json. */
  readonly name: string;
  /** The options with their bounds and defaults: for the library, the command line, the studio and circuit.json. */
  readonly schema: z.ZodType<Options>;
  /** Whether it finds a circuit that meets a target, one that only its options determine, or either. */
  readonly target: "needed" | "none" | "either";
  /** Whether it searches by gates: then it may prune neurons, and needs {@link SearchInputs.openGates}. Left out: no. */
  readonly gates?: boolean;
  /** Whether it can train the constants of what is pruned together with its masks. Left out: no. */
  readonly joint?: boolean;
  /** How an interrupted run is resumed; left out: it begins again. */
  readonly journal?: SearchJournal<Options, Entry>;
  /** Finds a circuit. It may stop at any time by rejecting with the signal's reason. */
  run(context: SearchContext<Entry>, options: Options): Promise<SearchOutcome>;
  /** The description in words, for reports. */
  describe(options: Options): SearchDescription;
}

/** A search with its options in words, for reports. */
export interface SearchDescription {
  /** The rule in a few words: "α = 0.02". */
  readonly rule: string;
  /** The same as a clause, without a full stop: "A component is pruned when …". */
  readonly decision: string;
  /** Bounds in addition to the rule: "KL ≤ 0.3 nats". */
  readonly bounds?: readonly string[];
  /** Further facts about the search: "published order". */
  readonly manner?: readonly string[];
}

/**
 * How an interrupted search is resumed: the schema of its journal's entries, and a check whether it could have
 * written them.
 */
export interface SearchJournal<Options, Entry> {
  /** One entry, as JSON gives it back. */
  readonly schema: z.ZodType<Entry>;
  /** The first entry that such a search could not have written. */
  firstFault(
    setting: Pick<SearchInputs, "model" | "mlps" | "units" | "target">,
    options: Options,
    entries: readonly Entry[],
  ): StepFault | undefined;
}

/** The inputs of every search. */
export interface SearchInputs {
  /** The original. */
  readonly model: Transformer;
  /** Measures what the model loses without a component. It has not begun a walk; whoever made it closes it. */
  readonly evaluator: Evaluator;
  /** The replacements of pruned components. */
  readonly replacements: Replacements;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** Which components are tried together; left out: each by itself. */
  readonly units?: SearchUnits | undefined;
  /** The target of the circuit, for a search that needs one. */
  readonly target: Target | undefined;
  /** Judges an answer to a validation prompt; undefined if that is not possible. */
  readonly isRight: JudgeAnswer | undefined;
  /**
   * Opens the model with a gate on every component, on the patching prompts and then the validation prompts, for
   * searches by gates; whoever opens it closes it. Left out: there are only searches without gates.
   */
  readonly openGates?: (() => Promise<OpenGates>) | undefined;
  /**
   * Whether a search that ranks its candidates for all sizes measures cuts of fixed sizes along the ranking too, at the
   * cost of an evaluation each. Left out: no.
   */
  readonly cuts?: boolean | undefined;
  /** Whether the constants of what is pruned are trained with the masks, by a search that can. Left out: they are means. */
  readonly joint?: boolean | undefined;
  /** The seed for all random choices of a search. */
  readonly seed: number;
  /** Ends the search when it is aborted; undefined if nothing ends it early. */
  readonly signal: AbortSignal | undefined;
  /** The search calls it with every decision, or with its progress if it makes none. */
  readonly onEvent: (event: SearchEvent) => void;
}

/** The inputs of a search's run: the inputs of every search, and its journal. */
export interface SearchContext<Entry> extends SearchInputs {
  /** The journal of an interrupted run of the same search: its entries are reused, not computed again. */
  readonly resume: readonly Entry[];
  /** Adds to the journal; resolves when the entry is written. */
  readonly onEntry: (entry: Entry) => Promise<void>;
}

/** An event of a running search. */
export type SearchEvent = SearchBegun | DecisionMade | SearchProgress;

/** Sent before the first decision, by a search that reports decisions. */
export interface SearchBegun {
  /** Distinguishes it from other events. */
  readonly kind: "begin";
  /** How many components are candidates. */
  readonly candidates: number;
  /** Decisions that are reused from the journal of an interrupted run. */
  readonly resumed: readonly Decision[];
}

/** A component was tried, and kept or pruned. */
export interface DecisionMade {
  /** Distinguishes it from other events. */
  readonly kind: "decision";
  /** The decision. */
  readonly decision: Decision;
  /** How many decisions there are, including this one. */
  readonly done: number;
  /** How many there will be, as far as is known. */
  readonly total: number;
}

/** Sent by a search that reports no decisions. */
export interface SearchProgress {
  /** Distinguishes it from other events. */
  readonly kind: "progress";
  /** How much is done, in any unit of the search. */
  readonly done: number;
  /** How much there is to do, in the same unit. */
  readonly total: number;
}

/** The result of a search: the circuit, its trace, and how a target was met. */
export interface SearchOutcome extends SearchResult {
  /** How the target was met, if there was one. */
  readonly met?: MetTarget;
  /** Vectors that were trained with the masks, to be added to the stream beside the means; left out: there are none. */
  readonly constants?: StreamConstants;
  /**
   * Cuts of about twelve sizes along the search's final ranking, the smallest first, where {@link SearchInputs.cuts}
   * asks for them and the search has one ranking of all sizes. The circuit itself need not be one of them.
   */
  readonly cuts?: readonly RankedCut[];
}

/** A circuit that is a cut along a ranking, and its values on the validation prompts. */
export interface RankedCut extends MeasuredCircuit {
  /** The components that the cut keeps. */
  readonly circuit: Circuit;
}

/** How a target was met, as recorded in circuit.json. KL and accuracy are those on the validation prompts. */
export interface MetTarget {
  /** The circuit's values. */
  readonly reached: MeasuredCircuit;
  /** The original's values, if accuracy was measured. */
  readonly original: Pick<MeasuredCircuit, "accuracy">;
  /** How many circuits were evaluated. */
  readonly evaluations: number;
  /** How many components were candidates. */
  readonly candidates: number;
  /** The α of the sweep's circuit that this one was made from; left out if it was made from the whole model. */
  readonly alpha?: number;
  /** The lowest α that was tried, if it was made from the whole model. */
  readonly leastAlpha?: number;
  /** Whether every single change was tried without success; searches by gates try neurons in blocks of eight. */
  readonly settled: boolean;
  /** The circuits from which it could begin, the largest first. */
  readonly tried: readonly TriedStart[];
}

/** A circuit's values on the validation prompts, and its size. */
export interface MeasuredCircuit {
  /** KL(original ‖ circuit) in nats, mean over the prompts. */
  readonly kl: number;
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  /** Share of the prompts that are answered right, 0 to 1; left out if it was not measured. */
  readonly accuracy?: number;
}

/** A circuit of a sweep, from which a search for a target could begin. */
export interface TriedStart extends MeasuredCircuit {
  /** The threshold that gave it, in nats. */
  readonly alpha: number;
  /** How many heads it keeps. */
  readonly heads: number;
  /** How many MLPs it keeps. */
  readonly mlps: number;
  /** Whether it meets the target. */
  readonly holds: boolean;
}
