/** The messages between a runtime and its worker: calls of the engine by name, and their answers. */
import type { Device, Engine } from "./engine.ts";

/** What a worker is started with. */
export interface WorkerSettings {
  readonly device: Device;
  /** Whether garbage is collected before every load, because memory is bounded. */
  readonly collects: boolean;
}

export interface Call {
  readonly id: number;
  readonly method: keyof Engine;
  readonly args: readonly unknown[];
}

export type EngineAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
