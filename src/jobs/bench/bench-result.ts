/** The result of a bench as data: `--json` prints it, and the table and the chart are made from it. */
import type { Timing } from "../../measure/latency.ts";
import type { LoadMeasurement } from "./probe-load.ts";

/** A task that is timed for every competitor. */
export interface BenchCase {
  readonly kind: "prompt" | "batch" | "first token" | "next token";
  /** Number of prompts in a run. */
  readonly prompts: number;
  /** Number of tokens of a prompt, or in the cache. */
  readonly tokens: number;
}

export interface BenchCell {
  /** Milliseconds a run. */
  readonly timing: Timing;
  /**
   * The speed relative to the original: the median over pairs of runs if there were enough, else the ratio of
   * medians.
   */
  readonly speedUp: number;
  /**
   * The 95 % interval; undefined for fewer than six runs. If it contains 1, it is not certain which is faster.
   */
  readonly speedUpInterval?: readonly [low: number, high: number];
  /** Floating-point operations of a run's matrix products; undefined if they were not counted. */
  readonly flops?: number;
  /** The least number of bytes that a run must move. */
  readonly bytes?: number;
  /** Shares of the machine's measured limits that the run reached; float32 models only. */
  readonly ofCompute?: number;
  readonly ofBandwidth?: number;
  /**
   * The speed-up if the original and this one both reached the limits that apply to them; float32 models only.
   */
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
  /** By case, in the order of `cases`; undefined if a case does not apply. */
  readonly cells: readonly (BenchCell | undefined)[];
}

export interface Ceilings {
  /** Matrix products, FLOP/s. */
  readonly compute: number;
  /** Bytes/s when this many bytes of weights are streamed. */
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
