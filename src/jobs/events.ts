/** Events of long operations, with which they report their progress. */
import type { HubProgress } from "../checkpoint/hub/hub.ts";
import type { Decision } from "../discovery/searches/decision.ts";
import type { DecisionMade } from "../discovery/searches/search.ts";
import type { Preflight } from "./preflight/preflight-result.ts";

/** The steps of an extraction, in the order in which they come. */
export type Step =
  | "download"
  | "preflight" // the original on the task, before the search
  | "activations" // one pass over the patching and validation prompts
  | "search"
  | "rank" // components scored without a search
  | "sweep" // many searches at once, and their circuits measured
  | "train" // a student, or the constants of a circuit
  | "bootstrap" // the search on resampled prompts
  | "export" // surgery, lowering, writing
  | "verify" // standalone model against patched model
  | "measure"; // accuracy, KL and time

/** An event of a long operation. */
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
  /** Distinguishes it from other events. */
  readonly kind: "step";
  /** The step that begins. */
  readonly step: Step;
}

/** The progress of a download. */
export interface DownloadEvent {
  /** Distinguishes it from other events. */
  readonly kind: "download";
  /** How far it is. */
  readonly progress: HubProgress;
}

/** A sentence that a person should read, perhaps after the work has ended. */
export interface NoteEvent {
  /** Distinguishes it from other events. */
  readonly kind: "note";
  /** The sentence. */
  readonly note: string;
}

/** The progress of the current step. */
export interface ProgressEvent {
  /** Distinguishes it from other events. */
  readonly kind: "progress";
  /** The step that goes on. */
  readonly step: Step;
  /** How much is done, in any unit of the step. */
  readonly done: number;
  /** How much there is to do, in the same unit. */
  readonly total: number;
}

/** The findings about a task before the search; not sent for a task that is refused. */
export interface PreflightEvent {
  /** Distinguishes it from other events. */
  readonly kind: "preflight";
  /** The findings. */
  readonly preflight: Preflight;
}

/** The search's shape, once before its first decision. */
export interface SearchShapeEvent {
  /** Distinguishes it from other events. */
  readonly kind: "search";
  /** How many layers the model has. */
  readonly layers: number;
  /** How many heads each layer has. */
  readonly headsPerLayer: readonly number[];
  /** How many candidates there are: components, or units of several. */
  readonly candidates: number;
  /** Whether MLPs are among them. */
  readonly mlps: boolean;
  /** Decisions that are taken over from the journal of an interrupted run. */
  readonly resumed: readonly Decision[];
}

/** The progress of a sweep, all its jobs together. */
export interface SweepEvent {
  /** Distinguishes it from other events. */
  readonly kind: "sweep";
  /** How many units are finished, those of an earlier run included. */
  readonly units: number;
  /** How many units there are. */
  readonly total: number;
  /** How many units an earlier run had finished. */
  readonly resumed: number;
  /** How many candidates have been evaluated so far. */
  readonly evaluations: number;
  /** Finished units and the finished shares of running ones: roughly how much of `total` is done. */
  readonly work: number;
}

/** Called with each event. */
export type OnEvent = (event: PithEvent) => void;
