/**
 * The layers above the one on trial, all of them decided: the kept parts as sessions, in the order in which
 * the residual stream meets them, and the constants between them. Nothing here changes: deciding a layer
 * gives a new value that shares the sessions of the old one, so that searches with different thresholds can
 * go separate ways from a common path.
 */
import type { DeviceTensor, Runtime, Session } from "../runtime/runtime.ts";
import { addConstants, type Constant, constantTensor } from "./constant.ts";
import { causalMask } from "./embedding.ts";

/** A kept part as a session. */
export interface Stage {
  readonly session: Session;
  /** Which positions its input has. */
  readonly positions: "all" | "last";
  /** Attention that asks at every position needs the causal mask. */
  readonly masked: boolean;
}

export interface Upper {
  readonly stages: readonly Stage[];
  /** One before each stage, and the last before the final norm. */
  readonly constants: readonly Constant[];
  /** Whether a kept head reads positions other than the last: then what is below is computed at all of them. */
  readonly readsAll: boolean;
}

/** Puts a stage below all others, with the constant that is joined before it. */
export function below(upper: Upper, stage: Stage, constant: Constant): Upper {
  return {
    stages: [stage, ...upper.stages],
    constants: [constant, ...upper.constants],
    readsAll: upper.readsAll || stage.positions === "all",
  };
}

/** Joins a constant below everything. */
export function addBelow(upper: Upper, constant: Constant): Upper {
  const [first, ...others] = upper.constants;
  return {
    ...upper,
    constants: first === undefined ? [constant] : [addConstants(first, constant), ...others],
  };
}

/**
 * Runs a batch's residual stream through all stages. Releases what lies between, never `x` itself.
 * @returns the residual stream at the answer position before the last constant, [prompts, 1, d].
 */
export async function runUpper(
  runtime: Runtime,
  upper: Upper,
  x: DeviceTensor,
  length: number,
): Promise<DeviceTensor> {
  let current = x;
  for (const [index, stage] of upper.stages.entries()) {
    const constant = upper.constants[index];
    if (constant === undefined) throw new RangeError("a stage without a constant");
    const next = await runStage(stage, current, constant, length);
    if (current !== x) await runtime.release(current);
    current = next;
  }
  return current;
}

export async function runStage(
  stage: Stage,
  x: DeviceTensor,
  constant: Constant,
  length: number,
): Promise<DeviceTensor> {
  const { y } = await stage.session.run({
    x,
    constant: constantTensor(constant, stage.positions),
    ...(stage.masked ? { mask: causalMask(length) } : {}),
  });
  if (y === undefined) throw new TypeError("a stage without an output");
  return y;
}
