/**
 * The position data of attention: the mask, and the angles of rotary positions. Graphs get them in three ways:
 * for prompts of one length they are constants; the stages of a search have them as inputs, because a stage
 * serves all lengths; a decoder computes them (`decoder.ts`).
 */
import type { Dimension, Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, FoldedTransformer, Rotary } from "../transformer/transformer.ts";
import { causalMask, maskFrom, mayLook } from "./mask.ts";
import { type Rotation, rotationTables } from "./rotary.ts";

type Seen = Pick<Attention, "window" | "rotary">;

export interface Places {
  /**
   * The mask that is added to the scores of queries at all positions. In a layer without a window it hides later
   * positions only.
   */
  mask(window: number | undefined): Value;
  rotation(rotary: Rotary): Rotation;
  /**
   * Whether a position is the first, bool [positions, 1] or [batch, positions, 1]. Only of models whose constants may
   * treat the first position apart: of others a constant of several rows has one for each position.
   */
  readonly isFirst?: (() => Value) | undefined;
}

/**
 * Constants for prompts of `length` tokens. They are computed from short constants, so that the graph does not
 * grow with length².
 * @param firstPosition the model's.
 */
export function fixedPlaces(
  graph: GraphBuilder,
  length: number,
  firstPosition?: FoldedTransformer["firstPosition"],
): Places {
  const all = Array.from({ length }, (_, position) => position);
  return madeOnce({
    // No query is this far from a key, so the layer is like one without a window.
    windowOf: (window) => (window !== undefined && window >= length ? undefined : window),
    mask(window) {
      const keys = graph.integers([1, length], all);
      const queries = graph.integers([length, 1], all);
      return maskFrom(graph, mayLook(graph, queries, keys, window));
    },
    rotation(rotary) {
      const { cos, sin } = rotationTables(rotary, all);
      const shape = [length, 1, rotary.frequencies.length];
      return { cos: graph.floats(shape, cos), sin: graph.floats(shape, sin) };
    },
    ...(firstPosition && { isFirst: () => areFirst(graph, graph.integers([length, 1], all)) }),
  });
}

/** @param positions int64, counted from 0. */
export function areFirst(graph: GraphBuilder, positions: Value): Value {
  return graph.equal(positions, graph.integers([], [0]));
}

/** Shares the same values between layers with the same mask or angles. */
export function madeOnce({
  windowOf = (window) => window,
  ...make
}: Places & { readonly windowOf?: (window: number | undefined) => number | undefined }): Places {
  const masks = new Map<number | undefined, Value>();
  const rotations = new Map<string, Rotation>();
  const { isFirst } = make;
  let first: Value | undefined;
  return {
    ...(isFirst && {
      isFirst() {
        first ??= isFirst();
        return first;
      },
    }),
    mask(given) {
      const window = windowOf(given);
      const mask = masks.get(window) ?? make.mask(window);
      masks.set(window, mask);
      return mask;
    },
    rotation(rotary) {
      const kind = kindOf(rotary);
      const rotation = rotations.get(kind) ?? make.rotation(rotary);
      rotations.set(kind, rotation);
      return rotation;
    },
  };
}

/**
 * Inputs: `mask` [n, n], or `mask.W` of layers with a window of W; `cos.I` and `sin.I` [n, 1, width/2] for each
 * kind of rotary positions. Only values that are used become inputs: feed the graph by `placeFeeds`.
 * @param stream [batch, n, …] from the first position on, if the model's constants may treat that position apart.
 */
export function inputPlaces(
  graph: GraphBuilder,
  attentions: readonly Seen[],
  sequence: Dimension = "sequence",
  stream?: Value,
): Places {
  const kinds = rotaryKinds(attentions).map(kindOf);
  return madeOnce({
    mask: (window) => graph.input(maskName(window), "float32", [sequence, sequence]),
    rotation(rotary) {
      const index = kinds.indexOf(kindOf(rotary));
      const shape = [sequence, 1, rotary.frequencies.length];
      return {
        cos: graph.input(`cos.${index}`, "float32", shape),
        sin: graph.input(`sin.${index}`, "float32", shape),
      };
    },
    ...(stream && {
      isFirst() {
        const length = graph.gather(graph.shapeOf(stream), graph.integers([], [1]));
        return areFirst(graph, graph.unsqueeze(graph.range(length, sequence), [1]));
      },
    }),
  });
}

/** A tensor for one of `inputPlaces`' inputs. */
export interface PlaceFeed {
  readonly type: "float32";
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * The inputs of a graph of these attentions for prompts of `length` tokens.
 * @param attentions as given to `inputPlaces`, each with the positions of its queries.
 */
export function placeFeeds(
  attentions: readonly { readonly attention: Seen; readonly queries: "all" | "last" }[],
  length: number,
): Readonly<Record<string, PlaceFeed>> {
  const feeds: Record<string, PlaceFeed> = {};
  for (const { attention, queries } of attentions) {
    const { window } = attention;
    const name = maskName(window);
    if (asksForMask(attention, queries) && feeds[name] === undefined)
      feeds[name] = { type: "float32", shape: [length, length], data: causalMask(length, window) };
  }
  const positions = Array.from({ length }, (_, position) => position);
  for (const [index, rotary] of rotaryKinds(attentions.map(({ attention }) => attention)).entries()) {
    const shape = [length, 1, rotary.frequencies.length];
    const { cos, sin } = rotationTables(rotary, positions);
    feeds[`cos.${index}`] = { type: "float32", shape, data: cos };
    feeds[`sin.${index}`] = { type: "float32", shape, data: sin };
  }
  return feeds;
}

/** The last position may see all others, unless a window limits it. */
export function asksForMask({ window }: Seen, queries: "all" | "last"): boolean {
  return queries === "all" || window !== undefined;
}

const maskName = (window: number | undefined): string => (window === undefined ? "mask" : `mask.${window}`);

const kindOf = (rotary: Rotary): string => JSON.stringify([rotary.frequencies, rotary.scale]);

/** One of each kind of rotary positions, in the order in which they occur. */
function rotaryKinds(attentions: readonly Seen[]): readonly Rotary[] {
  const kinds = new Map<string, Rotary>();
  for (const { rotary } of attentions) if (rotary !== undefined) kinds.set(kindOf(rotary), rotary);
  return [...kinds.values()];
}
