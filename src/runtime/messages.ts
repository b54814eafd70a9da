/** The messages between a runtime and its worker: calls of the engine by name, and their answers. */
import type { Engine } from "./engine.ts";

export interface Call {
  readonly id: number;
  readonly method: keyof Engine;
  readonly args: readonly unknown[];
}

export type EngineAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
