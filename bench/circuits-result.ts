/** The result of the circuits bench: its measurements, and the figures of its report. */
import type { LoadMeasurement } from "../src/jobs/bench/probe-load.ts";
import type { Timing } from "../src/measure/latency.ts";
import type { Circuit } from "../src/transformer/circuit.ts";
import type { KernelProfile } from "./profile.ts";

export interface CircuitsBenchOptions {
  readonly batches: readonly number[];
  readonly threads: number;
  /** Milliseconds after which no further round begins, for each circuit and batch. */
  readonly budget: number;
  readonly seed: number;
  /** Names of the shapes; left out: all. */
  readonly only?: readonly string[] | undefined;
  readonly json: boolean;
}

export const kinds = ["original", "circuit", "compiled"] as const;
export type Kind = (typeof kinds)[number];

export interface Cell {
  readonly flops: number;
  readonly bytes: number;
  readonly timing: Timing;
  readonly profile: KernelProfile;
}

export interface BatchResult {
  readonly batch: number;
  readonly cells: Readonly<Record<Kind, Cell>>;
}

export interface ShapeResult {
  readonly name: string;
  readonly length: number;
  readonly circuit: Circuit;
  /** (token, position) pairs in the compiled circuit's tables. */
  readonly pairs: number;
  /** Bytes of the graph and its weights. */
  readonly files: Readonly<Record<Kind, number>>;
  readonly loads: Readonly<Record<Kind, LoadMeasurement>>;
  readonly batches: readonly BatchResult[];
}

export interface CircuitsBench {
  readonly options: CircuitsBenchOptions;
  /** FLOP/s; bytes/s streamed from memory, and from data that fits a cache (the size of two MLPs). */
  readonly ceilings: { readonly compute: number; readonly memory: number; readonly small: number };
  /** The checkpoint's float32 file. */
  readonly checkpointBytes: number;
  readonly shapes: readonly ShapeResult[];
}
