/**
 * What a search is: a method that turns a model, a task and a budget into a circuit and a trace. A search is one
 * value with a name, a schema of its options and a function; `index.ts` lists those that come with Pith, and
 * everything else takes them from there. Passes belong to a search; sweeps and bootstraps are made with one.
 */
import type { z } from "zod";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Evaluator } from "../evaluator/evaluator.ts";
import type { Replacements } from "../replacements.ts";
import type { StepFault } from "../step-fault.ts";
import type { Decision, SearchResult } from "./decision.ts";
import type { JudgeAnswer } from "./target/assess.ts";
import type { Target } from "./target/target-options.ts";

/**
 * A search: its name, its options and a function. Make it known with {@link registerSearch}, and `extract` can use
 * it.
 * @typeParam Options what a person may choose.
 * @typeParam Entry what the search writes into its journal, as JSON keeps it; `never` for a search without one.
 */
export interface Search<Options extends object, Entry = never> {
  /** Names the search in options and in circuit.json. */
  readonly name: string;
  /** The options with their bounds and defaults: for the library, the command line, the studio and circuit.json. */
  readonly schema: z.ZodType<Options>;
  /** Whether it finds a circuit that holds a target, or one that its options alone choose. */
  readonly target: "needed" | "none";
  /** How an interrupted run is taken up again; left out: it begins anew. */
  readonly journal?: SearchJournal<Options, Entry>;
  /** Finds a circuit. It may stop at any time by rejecting with the signal's reason. */
  run(context: SearchContext<Entry>, options: Options): Promise<SearchOutcome>;
  /** In words, for reports. */
  describe(options: Options): SearchDescription;
}

/** A search with its options in words, for reports. */
export interface SearchDescription {
  /** What decided, in a few words: "α = 0.02". */
  readonly rule: string;
  /** The same as a clause, without a full stop: "A component is pruned when …". */
  readonly decision: string;
  /** What bounded it beside the rule: "KL ≤ 0.3 nats". */
  readonly bounds?: readonly string[];
  /** How it went about it: "published order". */
  readonly manner?: readonly string[];
}

/**
 * How an interrupted search is taken up again: what an entry of its journal is, and which entries it could have
 * written.
 */
export interface SearchJournal<Options, Entry> {
  /** One entry, as JSON gives it back. */
  readonly schema: z.ZodType<Entry>;
  /** The first entry that such a search could not have written. */
  firstFault(
    setting: Pick<SearchInputs, "model" | "mlps" | "target">,
    options: Options,
    entries: readonly Entry[],
  ): StepFault | undefined;
}

/** What every search is given. */
export interface SearchInputs {
  /** The original. */
  readonly model: Transformer;
  /**
   * Tells what the model loses without a component. It stands before its first walk down the layers; whoever made
   * it closes it.
   */
  readonly evaluator: Evaluator;
  /** What takes the place of each component that is pruned. */
  readonly replacements: Replacements;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** What the circuit must hold, for a search that needs it. */
  readonly target: Target | undefined;
  /** Tells a right answer on a validation prompt; undefined where nobody can. */
  readonly isRight: JudgeAnswer | undefined;
  /** The seed for whatever a search draws by chance. */
  readonly seed: number;
  /** Ends the search when it is aborted; undefined where nothing ends it early. */
  readonly signal: AbortSignal | undefined;
  /** Is to be called with every decision, or with the progress of a search that makes none. */
  readonly onEvent: (event: SearchEvent) => void;
}

/** What a search is given when it is run: the inputs of every search, and its journal. */
export interface SearchContext<Entry> extends SearchInputs {
  /** The journal of an interrupted run of the same search: what it says is taken over, not computed again. */
  readonly resume: readonly Entry[];
  /** Adds to the journal; resolves when the entry is written. */
  readonly onEntry: (entry: Entry) => Promise<void>;
}

/** What a search tells while it runs. */
export type SearchEvent = SearchBegun | DecisionMade | SearchProgress;

/** Told before the first decision, by a search that tells its decisions. */
export interface SearchBegun {
  /** Tells it from other events. */
  readonly kind: "begin";
  /** How many components are candidates. */
  readonly candidates: number;
  /** Decisions that are taken over from the journal of an interrupted run. */
  readonly resumed: readonly Decision[];
}

/** A component was tried, and kept or pruned. */
export interface DecisionMade {
  /** Tells it from other events. */
  readonly kind: "decision";
  /** What was decided. */
  readonly decision: Decision;
  /** How many decisions there are with this one. */
  readonly done: number;
  /** How many there will be, as far as is known. */
  readonly total: number;
}

/** Told by a search that tells no decisions. */
export interface SearchProgress {
  /** Tells it from other events. */
  readonly kind: "progress";
  /** How much is done, in whatever unit the search counts. */
  readonly done: number;
  /** How much there is to do, in the same unit. */
  readonly total: number;
}

/** What a search gives back: the circuit, its trace, and how a target was met. */
export interface SearchOutcome extends SearchResult {
  /** How the target was met, where there was one. */
  readonly met?: MetTarget;
}

/** How a target was met, as circuit.json says it. KL and accuracy are those on the validation prompts. */
export interface MetTarget {
  /** What the circuit reached. */
  readonly reached: MeasuredCircuit;
  /** What the original reaches, where accuracy was measured. */
  readonly original: Pick<MeasuredCircuit, "accuracy">;
  /** How many circuits were evaluated. */
  readonly evaluations: number;
  /** How many components were candidates. */
  readonly candidates: number;
  /** The α of the sweep's circuit that this one was made from; left out if it was made from the whole model. */
  readonly alpha?: number;
  /** The least α that was tried, where it was made from the whole model. */
  readonly leastAlpha?: number;
  /** Whether every single change was tried in vain. */
  readonly settled: boolean;
  /** The circuits that it could begin from, the largest first. */
  readonly tried: readonly TriedStart[];
}

/** How a circuit does on the validation prompts, and how large it is. */
export interface MeasuredCircuit {
  /** KL(original ‖ circuit) in nats, mean over the prompts. */
  readonly kl: number;
  /** Share of the original's body parameters, 0 to 1. */
  readonly size: number;
  /** Share of the prompts that are answered right, 0 to 1; left out where it was not measured. */
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
  /** Whether it holds the target. */
  readonly holds: boolean;
}
