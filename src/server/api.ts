/**
 * The messages between the studio's server and its pages: plain JSON over /api, and one stream of events for each
 * run. The module has types only, so that both sides compile against the same definitions and neither imports the
 * other.
 *
 * Files have no type here. GET /api/runs/:id/files/<path> gives the circuit's folder file by file, for the page's
 * own inference; /api/runs/:id/zip gives all of it, and /api/runs/:id/share a static site, zipped.
 */

import type { Decision } from "../discovery/searches/decision.ts";
import type { SweepRow } from "../experiments/sweep-row.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { SizeCurvePoint } from "../export/size-curve-record.ts";
import type { Step } from "../jobs/events.ts";
import type { SearchSettings } from "../jobs/extract/extract-options.ts";
import type { Preflight } from "../jobs/preflight/preflight-result.ts";
import type { ShownRanking } from "../jobs/report/report-rankings.ts";
import type { SplitEvaluation } from "../measure/compare.ts";

/** Every answer that is not 2xx. */
export interface ApiError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly advice?: string | undefined;
    readonly line?: number | undefined;
    readonly field?: string | undefined;
  };
}

/** GET /api/info */
export interface StudioInfo {
  readonly pith: string;
  readonly embeddedModel: ModelSummary;
  readonly builtinTasks: readonly {
    readonly name: string;
    readonly title: string;
    readonly example: readonly [prompt: string, answer: string];
    readonly source: string;
  }[];
  readonly defaults: RunOptions;
  readonly machine: { readonly cores: number; readonly memoryBytes: number };
}

/** POST /api/models { model }: a folder inside an allowed root, a hub name, or "" for the embedded model. */
export interface ModelSummary {
  /** The model as a run's request names it; "" is the embedded model. */
  readonly model: string;
  readonly name: string;
  readonly layers: number;
  readonly heads: readonly number[];
  /** Whether heads share keys and values. */
  readonly grouped: boolean;
  readonly width: number;
  readonly parameters: number;
  readonly bytes: number;
}

export type TaskSource =
  | { readonly kind: "builtin"; readonly name: string }
  | { readonly kind: "text"; readonly name: string; readonly format: "jsonl" | "csv"; readonly text: string };

/** The options of a search that a person chooses. */
export type RunOptions = Pick<SearchSettings, "alpha" | "ablation" | "mlps" | "means" | "order" | "seed"> & {
  /** Left out: as the task says. */
  readonly bos?: boolean | undefined;
  /** Put prompts through the model's chat template. Left out: as the task says. */
  readonly chat?: boolean | undefined;
  /** With zero ablation: what happens to a pruned head's value bias. Left out: removed. */
  readonly valueBias?: SearchSettings["valueBias"] | undefined;
  /** What is tried as one candidate. Left out: each head and each MLP by itself. */
  readonly components?: SearchSettings["components"] | undefined;
  /** Whether a trial ends once its component is certainly kept: the same circuit, sooner. Left out: false. */
  readonly earlyExit?: boolean | undefined;
  /** A bound of the studio's whole memory during the run, in bytes. Left out: none. */
  readonly memory?: number | undefined;
  /** With pooled means: whether the first position has means of its own. Left out: where it is an attention sink. */
  readonly firstPosition?: SearchSettings["firstPosition"] | undefined;
  /**
   * Whether to run even if the preflight has a finding of severity "refusal"; otherwise such a run fails. Left
   * out: false.
   */
  readonly allowWeak?: boolean | undefined;
};

/**
 * POST /api/preflight { model, task, options }: runs the original, which takes about a second for nano and a few
 * for GPT-2 small. A page shows `findings` (each a sentence and advice, the worst first) before the run is
 * started.
 */
export type PreflightResult = Preflight;

/** POST /api/tasks { model, task, options } */
export interface TaskCheck {
  /** The first fault of each line with a fault; empty when the task can be run. */
  readonly faults: readonly ApiError["error"][];
  readonly examples: { readonly patching: number; readonly validation: number; readonly test: number };
  /** The number of tokens of every prompt; undefined when they differ. */
  readonly promptTokens?: number | undefined;
  readonly samples: readonly { readonly tokens: readonly string[]; readonly answers: readonly string[] }[];
}

/** The ranges of a sweep, in addition to the options of one search. */
export interface SweepRanges {
  readonly alphas: readonly number[];
  readonly ablations: readonly ("mean" | "zero")[];
  readonly mlps: readonly boolean[];
  readonly seeds: readonly number[];
}

/** POST /api/estimate { model, task, options, sweep? } */
export interface Estimate {
  /** For one search, like the seconds. */
  readonly candidates: number;
  readonly seconds: number;
  /** In addition to what the studio uses now. */
  readonly memoryBytes: number;
  /** The basis of the figures. */
  readonly how: string;
  /** For a sweep: the number of searches, and their time if every component stayed and they shared no work. */
  readonly searches?: number | undefined;
  readonly secondsAtMost?: number | undefined;
}

/** POST /api/runs */
export type RunRequest =
  | {
      readonly kind: "extract";
      readonly model: string;
      readonly task: TaskSource;
      readonly options: RunOptions;
      /** The search; left out: Algorithm 1. A learned one is as faithful as Algorithm 1 at the options' α. */
      readonly search?: "learned" | undefined;
    }
  | ({
      readonly kind: "sweep";
      readonly model: string;
      readonly task: TaskSource;
      readonly options: RunOptions;
    } & SweepRanges);

/** "damaged": the studio's record of the run can't be read; the run can only be deleted. */
export type RunState = "queued" | "running" | "paused" | "done" | "failed" | "cancelled" | "damaged";

/** GET /api/runs: RunSummary[]; GET /api/runs/:id: RunDetail. */
export interface RunSummary {
  readonly id: string;
  readonly state: RunState;
  readonly kind: RunRequest["kind"];
  readonly modelName: string;
  readonly taskName: string;
  /** ISO 8601. */
  readonly created: string;
  /** The number of tried candidates, or of finished parts of a sweep. */
  readonly done: number;
  readonly total: number;
}

export interface RunDetail extends RunSummary {
  readonly request: RunRequest;
  readonly layers: number;
  readonly headsPerLayer: readonly number[];
  /** For each layer, which of its heads of keys and values each head reads. Left out: each its own. */
  readonly headGroups?: readonly (readonly number[])[] | undefined;
  readonly step?: Step | undefined;
  readonly decisions: readonly Decision[];
  /** The number of the next event: open the stream with ?after=. */
  readonly sequence: number;
  readonly error?: ApiError["error"] | undefined;
  /** Present when the run is done. */
  readonly circuit?: CircuitFile | undefined;
  readonly rows?: readonly SweepRow[] | undefined;
}

/**
 * GET /api/runs/:id/events?after=N, server-sent events, `id:` the sequence number, `data:` one of these; an event
 * without an id (progress) is sent only once. The first "search" gives the shape; a second one means that the
 * decisions begin again, as after a restart that lost some. POST /api/runs/:id/pause, /resume, /cancel; DELETE
 * /api/runs/:id.
 */
export type RunEvent =
  | { readonly kind: "state"; readonly state: RunState; readonly error?: ApiError["error"] | undefined }
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | {
      readonly kind: "search";
      readonly layers: number;
      readonly headsPerLayer: readonly number[];
      readonly candidates: number;
    }
  | { readonly kind: "decision"; readonly decision: Decision; readonly done: number; readonly total: number };

/**
 * GET /api/runs/:id/curves: RunCurve[]. Of a sweep, the curves of finished learned runs of its model, task and options.
 */
export interface RunCurve {
  /** The run that it is of. */
  readonly id: string;
  readonly seed: number;
  readonly ablation: "mean" | "zero";
  /** Cuts along the search's ranking, the smallest first. */
  readonly points: readonly SizeCurvePoint[];
  /** The circuit that the run made, on the test prompts, or on the validation prompts if there are no others. */
  readonly circuit: {
    readonly size: number;
    readonly kl?: number | undefined;
    readonly accuracy?: number | undefined;
  };
}

export interface TokenProbability {
  readonly id: number;
  readonly text: string;
  readonly probability: number;
  readonly logit: number;
}

/** POST /api/runs/:id/predict { prompt }: the original, on the server. */
export interface ServerPrediction {
  readonly tokens: readonly string[];
  readonly ids: readonly number[];
  /** Ten tokens, the most likely first. */
  readonly top: readonly TokenProbability[];
  readonly milliseconds: number;
}

/** POST /api/runs/:id/knock { prompt, heads, mlps, neurons? }: the patched model that keeps exactly these components. */
export type KnockResult = ServerPrediction;

/**
 * POST /api/runs/:id/patterns { prompt, kept? }. `kept` ({ heads, mlps, neurons? }) replaces the circuit's own components,
 * as in a knock-out.
 */
export interface PatternsResult {
  readonly tokens: readonly string[];
  readonly heads: readonly {
    readonly layer: number;
    readonly head: number;
    /** [queries][keys]. */
    readonly pattern: readonly (readonly number[])[];
  }[];
}

/**
 * POST /api/runs/:id/attribution { prompt, answer?, kept? }: the contribution of each kept component to the
 * answer's centred logit. The default answer is the circuit's own most likely token, also if other components are
 * kept.
 */
export interface AttributionResult {
  readonly answer: string;
  readonly parts: readonly { readonly name: string; readonly value: number }[];
  readonly total: number;
}

/** GET /api/runs/:id/examples */
export interface ExamplesResult {
  readonly splits: Readonly<
    Partial<Record<"validation" | "test", Pick<SplitEvaluation, "accuracy" | "originalAccuracy" | "kl">>>
  >;
  /** Examples that circuit and original answer differently, at most a hundred. */
  readonly disagreements: readonly {
    readonly prompt: string;
    readonly answers: readonly string[];
    readonly original: string;
    readonly circuit: string;
  }[];
}

/** GET /api/runs/:id/rankings/:name: a ranking of the original's heads and MLPs, the highest score first. */
export interface RankingResult extends ShownRanking {
  readonly components: readonly {
    /** "head 3.1". */
    readonly name: string;
    readonly kept: boolean;
    /**
     * How much KL grew when the search replaced it, in nats; left out if it was not tried by itself, or its trial ended
     * early, at a lower bound.
     */
    readonly delta?: number;
    readonly score: number;
  }[];
}
