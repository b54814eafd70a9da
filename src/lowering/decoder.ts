/**
 * A whole model as the decoder profile, in the layout that Optimum writes and transformers.js reads: any
 * length, left padding, and a key/value cache for every layer that still has attention. Caches are numbered
 * densely. Each holds the heads that its layer keeps; `withCaches` gives all one shape.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import { joiningConstants } from "../transformer/joining-constants.ts";
import type { Attention, FoldedTransformer, Rotary } from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import { forQueries, mergeHeads, patternOf, project, splitHeads, splitValues } from "./attention.ts";
import { embed } from "./embed.ts";
import { partsOfBlock } from "./kept-part.ts";
import { maskFrom, mayLook } from "./mask.ts";
import type { OperatorSet } from "./operator-set.ts";
import { areFirst, madeOnce, type Places } from "./places.ts";
import type { Rotation } from "./rotary.ts";
import { joinFinal, unembed } from "./unembed.ts";
import { foldedConstants, walkParts } from "./walk-parts.ts";

/** transformers.js knows the name "batch_size", and sets every other symbol of a cache to 0. */
const batch = "batch_size";
const sequence = "sequence_length";
const past = "past_sequence_length";
/**
 * The sum, written as Optimum does: tract parses it as a sum, and so knows that old and new keys together are as
 * long as the mask.
 */
const total = `${past}+${sequence}`;

/**
 * Inputs: input_ids, position_ids int64 [batch, sequence]; attention_mask int64 [batch, past + sequence], 0 at
 * padding; past_key_values.J.key and .value [batch, heads of cache J, past, headWidth or, of values, their width].
 * Outputs: logits [batch, sequence, vocabulary]; present.J.key and .value, [batch, heads, past + sequence, the same
 * width].
 * @throws RangeError for a model whose constants have a row for each position: it takes one length only.
 */
export function lowerDecoder(model: FoldedTransformer, operators: OperatorSet): Graph {
  checkConstants(model);
  const graph = new GraphBuilder("decoder");
  const ids = graph.input("input_ids", "int64", [batch, sequence]);
  const attentionMask = graph.input("attention_mask", "int64", [batch, total]);
  const positions = graph.input("position_ids", "int64", [batch, sequence]);
  const places = decoderPlaces(graph, ids, attentionMask, positions, model.firstPosition);
  const presents: Cache[] = [];
  // A decoder gives logits at every position, so the topmost heads have queries everywhere too.
  const parts = model.blocks.flatMap((block) => partsOfBlock(block, "all"));
  const embedded = embed(graph, model, ids, (table) => graph.gather(graph.weight(table), positions));
  const x = walkParts(graph, embedded, parts, {
    ...{ places, operators },
    constant: foldedConstants(graph, places),
    attend(normed, { attention }) {
      const cache = cacheInputs(graph, attention, presents.length);
      const now = project(graph, normed, attention, "all", { places, operators });
      const { z, present } = attendCached(graph, now, attention, cache, places);
      presents.push(present);
      return z;
    },
  });
  const end = joinFinal(graph, x, model, places);
  graph.output("logits", unembedRows(graph, end, ids, model, operators));
  for (const [index, { key, value }] of presents.entries()) {
    graph.output(`present.${index}.key`, key);
    graph.output(`present.${index}.value`, value);
  }
  return graph.build();
}

function checkConstants(model: FoldedTransformer): void {
  if (model.firstPosition === "apart") return;
  const constant = joiningConstants(model).find(({ shape }) => shape.length > 1);
  if (constant !== undefined)
    throw new RangeError(`${constant.name} differs by position: such a model can't be a decoder`);
}

interface Cache {
  readonly key: Value;
  readonly value: Value;
}

function cacheInputs(graph: GraphBuilder, attention: Attention, index: number): Cache {
  const heads = attention.keyValueHeads.length;
  const input = (part: string, width: number) =>
    graph.input(`past_key_values.${index}.${part}`, "float32", [batch, heads, past, width]);
  return { key: input("key", attention.headWidth), value: input("value", valueWidthOf(attention)) };
}

/** Attention over cached and new tokens; `present` is both together, the cached ones first. */
function attendCached(
  graph: GraphBuilder,
  now: { readonly query: Value; readonly key: Value; readonly value: Value },
  attention: Attention,
  cache: Cache,
  places: Places,
): { readonly z: Value; readonly present: Cache } {
  const split = (x: Value, heads: readonly number[]) => splitHeads(graph, x, heads, attention, [0, 2, 1, 3]);
  const { keyValueHeads } = attention;
  const key = graph.concat([cache.key, split(now.key, keyValueHeads)], 2, total);
  const value = graph.concat([cache.value, splitValues(graph, now.value, attention)], 2, total);
  const keys = graph.transpose(forQueries(graph, key, attention), [0, 1, 3, 2]);
  const scores = graph.matMul(split(now.query, attention.heads), keys);
  const pattern = patternOf(graph, scores, attention, places.mask(attention.window));
  const z = mergeHeads(graph, graph.matMul(pattern, forQueries(graph, value, attention)), attention);
  return { z, present: { key, value } };
}

/**
 * The mask is [batch, 1, sequence, total]: a token sees itself and all tokens before it, cached or not, but no
 * padding. Angles are computed from `position_ids`, because a cache may have any length.
 */
function decoderPlaces(
  graph: GraphBuilder,
  ids: Value,
  attentionMask: Value,
  positions: Value,
  firstPosition: FoldedTransformer["firstPosition"],
): Places {
  return madeOnce({
    mask(window) {
      const lengthOf = (x: Value) => graph.gather(graph.shapeOf(x), graph.integers([], [1]));
      const [newLength, totalLength] = [lengthOf(ids), lengthOf(attentionMask)];
      const keys = graph.range(totalLength, total);
      const queries = graph.add(graph.range(newLength, sequence), graph.sub(totalLength, newLength));
      const isNear = mayLook(graph, graph.unsqueeze(queries, [1]), keys, window);
      const isToken = graph.unsqueeze(graph.cast(attentionMask, "bool"), [1, 2]);
      return maskFrom(graph, graph.and(isToken, isNear));
    },
    rotation: (rotary) => rotationAt(graph, positions, rotary),
    // Padding stands at no position of its own, and nothing reads what joins there.
    ...(firstPosition && { isFirst: () => areFirst(graph, graph.unsqueeze(positions, [2])) }),
  });
}

/** @param positions int64 [batch, sequence]. @returns [batch, sequence, 1, width/2]. */
function rotationAt(graph: GraphBuilder, positions: Value, { frequencies, scale }: Rotary): Rotation {
  const place = graph.unsqueeze(graph.cast(positions, "float32"), [2, 3]);
  const angles = graph.mul(place, graph.floats([frequencies.length], frequencies));
  const scaled = (x: Value) => (scale === undefined ? x : graph.mul(x, graph.floats([], [scale])));
  return { cos: scaled(graph.cos(angles)), sin: scaled(graph.sin(angles)) };
}

/** [batch, sequence, d] → [batch, sequence, vocabulary], with the unembedding in its stored form. */
function unembedRows(
  graph: GraphBuilder,
  x: Value,
  ids: Value,
  model: FoldedTransformer,
  operators: OperatorSet,
): Value {
  const rows: Dimension = "batch_size*sequence_length";
  const logits = unembed(graph, graph.reshape(x, [-1, model.width], rows), model, operators);
  const shape = graph.concat([graph.shapeOf(ids), graph.integers([1], [model.vocabularySize])], 0, 3);
  return graph.reshapeTo(logits, shape, [batch, sequence, model.vocabularySize]);
}
