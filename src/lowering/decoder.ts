/**
 * A whole model as the decoder profile, in the layout that Optimum writes and transformers.js reads: any
 * length, left padding, and a key/value cache for every layer that still has attention. Caches are numbered
 * densely. Each holds the heads that its layer keeps; `withCaches` gives all one shape.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, Norm, Transformer } from "../transformer/transformer.ts";
import { mergeHeads, project, splitHeads, writeHeads } from "./attention.ts";
import { foldConstants } from "./fold-constants.ts";
import { maskFrom } from "./mask.ts";
import { applyMlp } from "./mlp.ts";
import { joinConstant, normalize } from "./norm.ts";
import type { Target } from "./target.ts";

/** transformers.js knows "batch_size" by name and makes every other symbol of a cache 0. */
const batch = "batch_size";
const sequence = "sequence_length";
const past = "past_sequence_length";
/** The sum, as Optimum writes it: tract reads it as one, and so knows that old and new keys are as long as the mask. */
const total = `${past}+${sequence}`;

/**
 * Inputs: input_ids, position_ids int64 [batch, sequence]; attention_mask int64 [batch, past + sequence], 0 at
 * padding; past_key_values.J.key and .value [batch, heads of cache J, past, headWidth].
 * Outputs: logits [batch, sequence, vocabulary]; present.J.key and .value, [batch, heads, past + sequence,
 * headWidth]. An original model is welcome as well.
 * @throws RangeError for a model whose constants differ by position: it takes one length only.
 */
export function lowerDecoder(model: Transformer, target: Target): Graph {
  const folded = foldConstants(model);
  const graph = new GraphBuilder("decoder");
  const ids = graph.input("input_ids", "int64", [batch, sequence]);
  const attentionMask = graph.input("attention_mask", "int64", [batch, total]);
  const positions = graph.input("position_ids", "int64", [batch, sequence]);
  const hasAttention = folded.blocks.some((block) => block.attention !== undefined);
  const mask = hasAttention ? decoderMask(graph, ids, attentionMask) : undefined;
  const presents: Value[] = [];

  let x = graph.add(
    graph.gather(graph.weight(folded.tokenEmbedding), ids),
    graph.gather(graph.weight(folded.positionEmbedding), positions),
  );
  for (const { attention, mlp } of folded.blocks) {
    if (attention !== undefined && mask !== undefined) {
      x = withConstant(graph, x, attention.norm);
      const cache = cacheInputs(graph, attention, presents.length / 2);
      const { z, key, value } = attendCached(
        graph,
        normalize(graph, x, attention.norm),
        attention,
        cache,
        mask,
      );
      x = graph.add(x, writeHeads(graph, z, attention));
      presents.push(key, value);
    }
    if (mlp !== undefined) {
      x = withConstant(graph, x, mlp.norm);
      x = graph.add(x, applyMlp(graph, normalize(graph, x, mlp.norm), mlp, target));
    }
  }
  const normed = normalize(graph, withConstant(graph, x, folded.finalNorm), folded.finalNorm);
  graph.output("logits", unembedRows(graph, normed, ids, folded));
  for (const [index, present] of presents.entries()) {
    graph.output(`present.${Math.floor(index / 2)}.${index % 2 === 0 ? "key" : "value"}`, present);
  }
  return graph.build();
}

function withConstant(graph: GraphBuilder, x: Value, norm: Norm): Value {
  const constant = norm.residualBias;
  if (constant !== undefined && constant.shape.length > 1) {
    throw new RangeError(`${constant.name} differs by position: such a model can't be a decoder`);
  }
  return joinConstant(graph, x, constant && graph.weight(constant));
}

interface Cache {
  readonly key: Value;
  readonly value: Value;
}

function cacheInputs(graph: GraphBuilder, { heads, headWidth }: Attention, index: number): Cache {
  const input = (part: string) =>
    graph.input(`past_key_values.${index}.${part}`, "float32", [batch, heads.length, past, headWidth]);
  return { key: input("key"), value: input("value") };
}

/** Attention over what is cached and what is new. Keys and values come back with the cache in front. */
function attendCached(
  graph: GraphBuilder,
  normed: Value,
  attention: Attention,
  cache: Cache,
  mask: Value,
): Cache & { readonly z: Value } {
  const now = project(graph, normed, attention, "all");
  const split = (x: Value) => splitHeads(graph, x, attention, [0, 2, 1, 3]);
  const key = graph.concat([cache.key, split(now.key)], 2, total);
  const value = graph.concat([cache.value, split(now.value)], 2, total);
  const scores = graph.matMul(split(now.query), graph.transpose(key, [0, 1, 3, 2]));
  const pattern = graph.softmax(graph.add(scores, mask));
  return { z: mergeHeads(graph, graph.matMul(pattern, value), attention), key, value };
}

/**
 * [batch, 1, sequence, total]: a token looks at itself and at what is before it, cached or not, but never at
 * padding.
 */
function decoderMask(graph: GraphBuilder, ids: Value, attentionMask: Value): Value {
  const lengthOf = (x: Value) => graph.gather(graph.shapeOf(x), graph.integers([], [1]));
  const [newLength, totalLength] = [lengthOf(ids), lengthOf(attentionMask)];
  const keys = graph.range(totalLength, total);
  const queries = graph.add(graph.range(newLength, sequence), graph.sub(totalLength, newLength));
  const causal = graph.lessOrEqual(keys, graph.unsqueeze(queries, [1]));
  const isToken = graph.unsqueeze(graph.cast(attentionMask, "bool"), [1, 2]);
  return maskFrom(graph, graph.and(isToken, causal));
}

/** [batch, sequence, d] → [batch, sequence, vocabulary], with the unembedding as it is stored. */
function unembedRows(graph: GraphBuilder, normed: Value, ids: Value, model: Transformer): Value {
  const rows: Dimension = "batch_size*sequence_length";
  const flat = graph.reshape(normed, [-1, model.width], rows);
  const logits = graph.matMulTransposed(flat, graph.weight(model.unembedding));
  const shape = graph.concat([graph.shapeOf(ids), graph.integers([1], [model.vocabularySize])], 0, 3);
  return graph.reshapeTo(logits, shape, [batch, sequence, model.vocabularySize]);
}
