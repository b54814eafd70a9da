/** What long operations tell about their progress, as they go. */
import type { HubProgress } from "../checkpoint/hub/hub.ts";
import type { Decision } from "../discovery/searches/greedy/search.ts";
import type { Preflight } from "./preflight/preflight-result.ts";

/** The steps of an extraction, in the order in which they come. */
export type Step =
  | "download"
  | "preflight" // the original on the task, before anything is searched
  | "activations" // one pass over the patching and validation prompts
  | "search"
  | "sweep" // many searches at once, and their circuits measured
  | "bootstrap" // the search on resampled prompts
  | "export" // surgery, lowering, writing
  | "verify" // standalone against patched
  | "measure"; // accuracy, KL and time

export type PithEvent =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "download"; readonly progress: HubProgress }
  /** A sentence that a person should read, and may read after the work has ended. */
  | { readonly kind: "note"; readonly note: string }
  /** How far the current step is; `total` in whatever unit the step counts. */
  | { readonly kind: "progress"; readonly step: Step; readonly done: number; readonly total: number }
  /** What was found of a task before it is searched; of a task that is refused, nothing is told. */
  | { readonly kind: "preflight"; readonly preflight: Preflight }
  /** The search's shape, once before its first decision. `resumed` decisions come from the journal. */
  | {
      readonly kind: "search";
      readonly layers: number;
      readonly headsPerLayer: readonly number[];
      readonly candidates: number;
      readonly resumed: readonly Decision[];
    }
  | { readonly kind: "decision"; readonly decision: Decision; readonly done: number; readonly total: number }
  | SweepEvent;

/** How far a sweep is, all its jobs together. */
export interface SweepEvent {
  readonly kind: "sweep";
  /** Finished units, those that an earlier run had finished included. */
  readonly units: number;
  readonly total: number;
  readonly resumed: number;
  /** Candidates evaluated so far. */
  readonly evaluations: number;
  /** Units with the done shares of those under way: roughly how much of `total` is done. */
  readonly work: number;
}

export type OnEvent = (event: PithEvent) => void;
