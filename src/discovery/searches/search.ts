/**
 * What a search is: a method that turns a model, a task and a budget into a circuit and a trace. A search is one
 * value with a name, a schema of its options and a function; `index.ts` lists those that come with Pith, and
 * everything else takes them from there. Passes belong to a search; sweeps and bootstraps are made with one.
 */
import type { z } from "zod";
import type { Transformer } from "../../transformer/transformer.ts";
import type { StepFault } from "../check-resumed.ts";
import type { Evaluator } from "../evaluator/evaluator.ts";
import type { Replacements } from "../replacements.ts";
import type { Decision, SearchResult } from "./greedy/search.ts";
import type { JudgeAnswer } from "./target/assess.ts";
import type { Target } from "./target/target-options.ts";

export interface Search<Options extends object, Entry = never> {
  /** Names the search in options and in circuit.json. */
  readonly name: string;
  /** The options with their bounds and defaults: for the library, the command line, the studio and circuit.json. */
  readonly schema: z.ZodType<Options>;
  /** Whether it finds a circuit that holds a target, or one that its options alone choose. */
  readonly target: "needed" | "none";
  /** How an interrupted run is taken up again; left out: it begins anew. */
  readonly journal?: SearchJournal<Options, Entry>;
  run(context: SearchContext<Entry>, options: Options): Promise<SearchOutcome>;
  /** What decided, in a few words: "α = 0.02". */
  describe(options: Options): string;
}

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
  /** Stands before its first walk. Whoever made it closes it. */
  readonly evaluator: Evaluator;
  readonly replacements: Replacements;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  /** What the circuit must hold, for a search that needs it. */
  readonly target: Target | undefined;
  /** Tells a right answer on a validation prompt; undefined where nobody can. */
  readonly isRight: JudgeAnswer | undefined;
  /** For whatever a search draws by chance. */
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: SearchEvent) => void;
}

export interface SearchContext<Entry> extends SearchInputs {
  /** The journal of an interrupted run of the same search: what it says is taken over, not computed again. */
  readonly resume: readonly Entry[];
  /** Adds to the journal; resolves when the entry is written. */
  readonly onEntry: (entry: Entry) => Promise<void>;
}

export type SearchEvent =
  /** Before the first decision, from a search that tells its decisions. */
  | { readonly kind: "begin"; readonly candidates: number; readonly resumed: readonly Decision[] }
  | { readonly kind: "decision"; readonly decision: Decision; readonly done: number; readonly total: number }
  /** From a search that tells no decisions; `total` in whatever unit it counts. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number };

export interface SearchOutcome extends SearchResult {
  /** How the target was met, where there was one. */
  readonly met?: MetTarget;
}

/** How a target was met, as circuit.json says it. KL and accuracy are those on the validation prompts. */
export interface MetTarget {
  readonly reached: { readonly kl: number; readonly size: number; readonly accuracy?: number };
  readonly original: { readonly accuracy?: number };
  /** Circuits that were evaluated, for so many candidates. */
  readonly evaluations: number;
  readonly candidates: number;
  /** The α of the sweep's circuit that this one was made from; left out if it was made from the whole model. */
  readonly alpha?: number;
  /** The least α that was tried, where it was made from the whole model. */
  readonly leastAlpha?: number;
  /** Whether every single change was tried in vain. */
  readonly settled: boolean;
  /** The circuits that it could begin from, the largest first. */
  readonly tried: readonly {
    readonly alpha: number;
    readonly heads: number;
    readonly mlps: number;
    readonly size: number;
    readonly kl: number;
    readonly accuracy?: number;
    readonly holds: boolean;
  }[];
}
