/** What long operations tell about their progress, as they go. */
import type { HubProgress } from "../checkpoint/hub/hub.ts";
import type { Decision } from "../discovery/searches/decision.ts";
import type { DecisionMade } from "../discovery/searches/search.ts";
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

/** What a long operation tells while it runs. */
export type PithEvent =
  | StepEvent
  | DownloadEvent
  | NoteEvent
  | ProgressEvent
  | PreflightEvent
  | SearchShapeEvent
  | DecisionMade
  | SweepEvent;

/** A step begins. */
export interface StepEvent {
  /** Tells it from other events. */
  readonly kind: "step";
  /** The step that begins. */
  readonly step: Step;
}

/** A download goes on. */
export interface DownloadEvent {
  /** Tells it from other events. */
  readonly kind: "download";
  /** How far it is. */
  readonly progress: HubProgress;
}

/** A sentence that a person should read, and may read after the work has ended. */
export interface NoteEvent {
  /** Tells it from other events. */
  readonly kind: "note";
  /** The sentence. */
  readonly note: string;
}

/** How far the current step is. */
export interface ProgressEvent {
  /** Tells it from other events. */
  readonly kind: "progress";
  /** The step that goes on. */
  readonly step: Step;
  /** How much is done, in whatever unit the step counts. */
  readonly done: number;
  /** How much there is to do, in the same unit. */
  readonly total: number;
}

/** What was found of a task before it is searched; of a task that is refused, nothing is told. */
export interface PreflightEvent {
  /** Tells it from other events. */
  readonly kind: "preflight";
  /** What was found. */
  readonly preflight: Preflight;
}

/** The search's shape, once before its first decision. */
export interface SearchShapeEvent {
  /** Tells it from other events. */
  readonly kind: "search";
  /** How many layers the model has. */
  readonly layers: number;
  /** How many heads each layer has. */
  readonly headsPerLayer: readonly number[];
  /** How many components are candidates. */
  readonly candidates: number;
  /** Decisions that are taken over from the journal of an interrupted run. */
  readonly resumed: readonly Decision[];
}

/** How far a sweep is, all its jobs together. */
export interface SweepEvent {
  /** Tells it from other events. */
  readonly kind: "sweep";
  /** How many units are finished, those of an earlier run included. */
  readonly units: number;
  /** How many units there are. */
  readonly total: number;
  /** How many units an earlier run had finished. */
  readonly resumed: number;
  /** How many candidates have been evaluated so far. */
  readonly evaluations: number;
  /** Finished units with the done shares of those under way: roughly how much of `total` is done. */
  readonly work: number;
}

/** Called with every event as it happens. */
export type OnEvent = (event: PithEvent) => void;
