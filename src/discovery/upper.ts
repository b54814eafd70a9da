/**
 * The layers above the one on trial, all of them decided: the kept parts as sessions, in the order in which
 * the residual stream meets them, and the constants between them. Nothing here changes: deciding a layer
 * gives a new value that shares the sessions of the old one, so that searches with different thresholds can
 * go separate ways from a common path.
 *
 * Layers that keep heads and no MLP between them are one session: a few heads are little work, and handing
 * the residual stream from session to session would cost as much.
 */
import type { Queries } from "../lowering/attention.ts";
import { type ConstantRows, type KeptAttention, keptHeads } from "../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { Attention } from "../transformer/transformer.ts";
import { addConstants, type Constant, constantTensor, zeroConstant } from "./constant.ts";
import { causalMask } from "./embedding.ts";

/** A session through which the residual stream goes. */
export interface Stage {
  readonly session: Session;
  /** Which positions its input has. */
  readonly positions: Queries;
  /** The kept heads of one or more layers, lowest first; empty for an MLP. */
  readonly attentions: readonly KeptAttention[];
}

/** A stage and the constants that join the residual stream before each of its readers. */
export interface PlacedStage {
  readonly stage: Stage;
  readonly constants: readonly Constant[];
}

export interface Upper {
  /** Lowest first. */
  readonly parts: readonly PlacedStage[];
  /** What joins before the final norm. */
  readonly last: Constant;
  /** Whether a kept head reads positions other than the last: then what is below is computed at all of them. */
  readonly readsAll: boolean;
}

/** What lies above the last layer: the final norm. */
export function emptyUpper(rows: number, width: number): Upper {
  return { parts: [], last: zeroConstant(rows, width), readsAll: false };
}

/** Joins a constant below everything. */
export function addBelow(upper: Upper, constant: Constant): Upper {
  const [first, ...others] = upper.parts;
  if (first === undefined) return { ...upper, last: addConstants(upper.last, constant) };
  const [lowest, ...rest] = first.constants;
  const constants = lowest === undefined ? [constant] : [addConstants(lowest, constant), ...rest];
  return { ...upper, parts: [{ ...first, constants }, ...others] };
}

/** Puts an MLP below everything, with the constant that joins before it. */
export function mlpBelow(upper: Upper, stage: Stage, constant: Constant): Upper {
  return { ...upper, parts: [{ stage, constants: [constant] }, ...upper.parts] };
}

/** Puts a layer's kept heads below everything. */
export async function headsBelow(
  runtime: Runtime,
  upper: Upper,
  attention: Attention,
  queries: Queries,
  width: number,
  rows: ConstantRows,
): Promise<Upper> {
  const [first, ...others] = upper.parts;
  const joins = first !== undefined && first.stage.attentions.length > 0;
  const attentions = [{ attention, queries }, ...(joins ? first.stage.attentions : [])];
  const session = await runtime.load(keptHeads(attentions, width, rows));
  const stage: Stage = { session, positions: "all", attentions };
  const nothing = zeroConstant(upper.last.rows, width);
  return {
    ...upper,
    parts: joins
      ? [{ stage, constants: [nothing, ...first.constants] }, ...others]
      : [{ stage, constants: [nothing] }, ...upper.parts],
    readsAll: true,
  };
}

/**
 * Runs a batch's residual stream through all stages. Releases what lies between, never `x` itself.
 * @param length tokens per prompt.
 * @returns the residual stream at the answer position before the last constant, [prompts, 1, d].
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
  const masked = stage.attentions.some(({ queries }) => queries === "all");
  const inputs = constants.map((constant, index): [string, HostTensor] => [
    `constant.${index}`,
    constantTensor(constant, stage.positions),
  ]);
  const { y } = await stage.session.run({
    x,
    ...Object.fromEntries(inputs),
    ...(masked ? { mask: causalMask(length) } : {}),
  });
  if (y === undefined) throw new TypeError("a stage without an output");
  return y;
}
