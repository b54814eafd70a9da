/** Puts the kept parts of a decided layer below the layers above it, as stages and the constants between them. */
import type { Queries } from "../../lowering/attention.ts";
import type { KeptPart } from "../../lowering/kept-part.ts";
import type { Attention, Mlp } from "../../transformer/transformer.ts";
import { addConstants, type Constant, zeroConstant } from "../constant.ts";
import { headsAbove, type KeptLayer, leftByHeads } from "./kept-layer.ts";
import { addBelow, headsBelow, mlpBelow, type Stage, type Upper } from "./upper.ts";

interface DecidedLayer {
  readonly kept: Pick<KeptLayer, "arrangement" | "postNorm">;
  /** The positions of the heads' queries: all positions, or the last. */
  readonly queries: Queries;
  /** The layer's heads before the trial; undefined if there were none. */
  readonly attention: Attention | undefined;
  /** The heads that stay. */
  readonly heads: readonly number[];
  /**
   * The constant that is added to the heads' sum: b_O and the replacements of pruned heads; in a layer without
   * heads from the start, the constant that takes their place in the stream.
   */
  readonly constant: Constant;
  readonly mlp: Mlp | undefined;
  /** The MLP alone, if it is loaded. */
  readonly mlpStage: Stage | undefined;
  /** The constant after the MLP: b_2, or its replacement. */
  readonly afterMlp: Constant;
  /** Makes the stage of these parts, or returns an equal one. */
  readonly stageOf: (parts: readonly KeptPart[], positions: Queries) => Promise<Stage>;
}

export async function layerBelow(above: Upper, layer: DecidedLayer): Promise<Upper> {
  const { kept, attention, heads, queries, mlp, afterMlp, stageOf } = layer;
  const own =
    attention && heads.length > 0 ? headsAbove(attention, heads, layer.constant, queries) : undefined;
  const joins = await joinsStream(layer);
  if (kept.arrangement === "parallel") {
    const upper = addBelow(above, addConstants(joins, afterMlp));
    if (own === undefined) return mlp ? mlpBelow(upper, await mlpAlone(layer, mlp), zeroLike(joins)) : upper;
    const part = mlp
      ? ({ kind: "both", attention: own, mlp, queries } as const)
      : ({ kind: "heads", attention: own, queries } as const);
    return headsBelow(upper, part, false, stageOf);
  }
  const upper = mlp
    ? mlpBelow(addBelow(above, afterMlp), await mlpAlone(layer, mlp), joins)
    : addBelow(above, addConstants(joins, afterMlp));
  if (own === undefined) return upper;
  return headsBelow(upper, { kind: "heads", attention: own, queries }, mlp !== undefined, stageOf);
}

/**
 * The part of the heads' constant that is added to the stream itself: none if it is added before a norm after
 * kept heads.
 */
async function joinsStream({ kept, attention, heads, constant }: DecidedLayer): Promise<Constant> {
  if (attention === undefined || kept.postNorm === undefined) return constant;
  return heads.length > 0 ? zeroLike(constant) : leftByHeads(kept, constant);
}

function mlpAlone({ mlpStage, stageOf, queries }: DecidedLayer, mlp: Mlp): Stage | Promise<Stage> {
  return mlpStage ?? stageOf([{ kind: "mlp", mlp }], queries);
}

const zeroLike = ({ rows, width }: Constant): Constant => zeroConstant(rows, width);
