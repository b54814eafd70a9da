/** What a bench found, as data: `--json` prints it, the table and the chart are made of it. */
import type { Timing } from "../../measure/latency.ts";
import type { LoadMeasurement } from "./probe-load.ts";

/** What is asked of every competitor. */
export interface BenchCase {
  readonly kind: "prompt" | "batch" | "first token" | "next token";
  /** Prompts a run. */
  readonly prompts: number;
  /** Tokens that a prompt has, or that are in the cache. */
  readonly tokens: number;
}

export interface BenchCell {
  /** Milliseconds a run. */
  readonly timing: Timing;
  /** Times as fast as the original: the median of runs in pairs, where there were enough, else of medians. */
  readonly speedUp: number;
  /** 95 %; undefined for fewer than six runs. Where it holds 1, nothing can be said of which is faster. */
  readonly speedUpInterval?: readonly [low: number, high: number];
  /** Floating-point operations of a run's matrix products; undefined where they were not counted. */
  readonly flops?: number;
  /** Bytes that a run must move at the least. */
  readonly bytes?: number;
  /** Shares of the measured ceilings that the run reached; float32 models only. */
  readonly ofCompute?: number;
  readonly ofBandwidth?: number;
  /** The speed-up if original and this one both ran at the ceilings that bind them; float32 models only. */
  readonly allowed?: number;
}

export interface Competitor {
  readonly name: string;
  readonly kind: "original" | "circuit" | "alternative";
  /** Size of the files that hold the model. */
  readonly fileBytes: number;
  readonly parameters?: number;
  /** Undefined for transformers.js, and on a graphics card. */
  readonly loading?: LoadMeasurement;
  /** By case, in the order of `cases`; undefined where a case is not for it. */
  readonly cells: readonly (BenchCell | undefined)[];
}

export interface Ceilings {
  /** Matrix products, FLOP/s. */
  readonly compute: number;
  /** Weights of so many bytes streamed, bytes/s. */
  readonly bandwidth: readonly { readonly bytes: number; readonly rate: number }[];
}

export interface BenchResult {
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly threads: number;
    readonly device: "cpu" | "webgpu";
    readonly platform: string;
    readonly node: string;
    readonly onnxRuntime: string;
    readonly pith: string;
  };
  readonly model: string;
  readonly profile: "aligned" | "decoder";
  /** Where the prompts come from: a task's name, or undefined for random tokens. */
  readonly task: string | undefined;
  readonly cases: readonly BenchCase[];
  /** The original first. */
  readonly competitors: readonly Competitor[];
  readonly ceilings: Ceilings;
  /** What was left out, and why. */
  readonly notes: readonly string[];
}
