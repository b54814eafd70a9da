/**
 * The layers above the one on trial, all of them decided: the kept parts as sessions, in the order in which the
 * residual stream meets them, and the constants between them. These values are immutable: deciding a layer gives
 * a new value that shares the sessions of the old one, so that searches with different thresholds can diverge
 * from a common path.
 *
 * Passing the residual stream from session to session costs as much as a few heads do. So a layer's kept heads
 * and MLP become one session, and layers that keep only heads are joined. Heads are small enough to be sent
 * again; an MLP is sent twice at most.
 */
import type { Queries } from "../../lowering/attention.ts";
import { type AskingPart, askingParts, type KeptPart } from "../../lowering/kept-part.ts";
import { placeFeeds } from "../../lowering/places.ts";
import { constantName } from "../../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { PositionRows } from "../../transformer/position-rows.ts";
import { addConstants, type Constant, constantTensor, zeroConstant } from "../constant.ts";

/** A session through which the residual stream goes. */
export interface Stage {
  readonly session: Session;
  /** Which positions its input has. */
  readonly positions: Queries;
  /** The kept parts in it, lowest first. */
  readonly parts: readonly KeptPart[];
}

/** A stage and the constants that are added to the residual stream before each of its readers. */
export interface PlacedStage {
  readonly stage: Stage;
  readonly constants: readonly Constant[];
}

/** The layers above the one on trial, all of them decided. Only an evaluator makes and uses such values. */
export interface Upper {
  /** The kept parts, lowest first. @internal */
  readonly parts: readonly PlacedStage[];
  /** The constant that is added before the final norm. @internal */
  readonly last: Constant;
  /**
   * Whether a kept head, or an answer of several tokens, reads positions other than the last: then everything
   * below is computed at all positions.
   */
  readonly readsAll: boolean;
}

/**
 * The upper of the last layer: only the final norm. @param readsAll whether it reads more than the last position.
 */
export function emptyUpper(rows: PositionRows, width: number, readsAll = false): Upper {
  return { parts: [], last: zeroConstant(rows, width), readsAll };
}

/** Adds a constant below everything. */
export function addBelow(upper: Upper, constant: Constant): Upper {
  const [first, ...others] = upper.parts;
  if (first === undefined) return { ...upper, last: addConstants(upper.last, constant) };
  const [lowest, ...rest] = first.constants;
  const constants = lowest === undefined ? [constant] : [addConstants(lowest, constant), ...rest];
  return { ...upper, parts: [{ ...first, constants }, ...others] };
}

/** Puts an MLP below everything, with the constant before it. */
export function mlpBelow(upper: Upper, stage: Stage, constant: Constant): Upper {
  return { ...upper, parts: [{ stage, constants: [constant] }, ...upper.parts] };
}

/**
 * Puts a layer's kept heads below everything, and the MLP that reads the same stream if there is one.
 * @param joinsMlp whether the lowest part is the same layer's MLP.
 * @param stageOf makes the stage of these parts, or hands out an equal one.
 */
export async function headsBelow(
  upper: Upper,
  part: AskingPart,
  joinsMlp: boolean,
  stageOf: (parts: readonly KeptPart[], positions: Queries) => Promise<Stage>,
): Promise<Upper> {
  const { width } = upper.last;
  const [first, ...others] = upper.parts;
  const joins = first !== undefined && (joinsMlp || first.stage.parts.every(({ kind }) => kind === "heads"));
  const parts: readonly KeptPart[] = [part, ...(joins ? first.stage.parts : [])];
  const stage = await stageOf(parts, "all");
  const constants = [zeroConstant(upper.last.rows, width), ...(joins ? first.constants : [])];
  return {
    ...upper,
    parts: [{ stage, constants }, ...(joins ? others : upper.parts)],
    readsAll: true,
  };
}

/**
 * Runs a batch's residual stream through all stages. Releases intermediate tensors, never `x` itself.
 * @param length tokens per prompt.
 * @returns the residual stream before the last constant, at the answer position [prompts, 1, d], or at all
 * positions if answers have several.
 */
export async function runUpper(
  runtime: Runtime,
  upper: Upper,
  x: DeviceTensor,
  length: number,
): Promise<DeviceTensor> {
  let current = x;
  for (const part of upper.parts) {
    const next = await runStage(part, current, length);
    if (current !== x) await runtime.release(current);
    current = next;
  }
  return current;
}

export async function runStage(
  { stage, constants }: PlacedStage,
  x: DeviceTensor,
  length: number,
): Promise<DeviceTensor> {
  let positions = stage.positions;
  const inputs = constants.map((constant, index): [string, HostTensor] => {
    const tensor = constantTensor(constant, positions, length);
    const part = stage.parts[index];
    if (part !== undefined && part.kind !== "mlp") positions = part.queries;
    return [constantName(index), tensor];
  });
  const { y } = await stage.session.run({
    x,
    ...Object.fromEntries(inputs),
    ...placeFeeds(askingParts(stage.parts), length),
  });
  if (y === undefined) throw new TypeError("a stage without an output");
  return y;
}
