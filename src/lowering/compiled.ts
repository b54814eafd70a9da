/**
 * A circuit that is compiled for its task's vocabulary, as a graph. Values that depend only on a token and its
 * position are rows of tables: the residual stream up to the lowest heads, and those heads' queries, keys and
 * values. The rest of the graph is the part that reads several tokens, and the scores of the task's answers.
 *
 * The graph itself refuses a token without a row. The token's index lies outside the tables, so ONNX Runtime's
 * Gather fails on the CPU, natively and in WebAssembly. If an engine does not check indices (on a GPU, for
 * example), the prompt's scores are NaN.
 */
import type { Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, FoldedTransformer, Linear } from "../transformer/transformer.ts";
import { valueWidthOf } from "../transformer/value-width.ts";
import type { Weight } from "../transformer/weight.ts";
import { attendTo, type Queries } from "./attention.ts";
import type { KeptPart } from "./kept-part.ts";
import { lastPosition } from "./last-position.ts";
import { normalize } from "./norm.ts";
import type { OperatorSet } from "./operator-set.ts";
import { fixedPlaces } from "./places.ts";
import { joinFinal, logitsOf } from "./unembed.ts";
import { foldedConstants, walkParts, writeThroughNorm } from "./walk-parts.ts";

/** The part of the model's vocabulary that a compiled circuit accepts. */
export interface PromptVocabulary {
  /**
   * For each position of a prompt, the token ids that are allowed there, ascending. Each pair of position and
   * token is a row.
   */
  readonly positions: readonly (readonly number[])[];
  /** The token ids that are scored, ascending. */
  readonly answers: readonly number[];
}

/** Rows are in the order of positions, then of tokens. */
export type CompiledModel = { readonly width: number; readonly vocabulary: PromptVocabulary } & (
  | {
      /** No head is kept, so the scores depend on the last token only. */
      readonly kind: "answers";
      /** [tokens of the last position, answers]. */
      readonly scores: Weight;
    }
  | {
      readonly kind: "heads";
      /** The lowest heads: their number, their width, and the positions of their queries. */
      readonly lowest: LowestHeads;
      /**
       * At positions with queries: [their rows, d], with all constants before the next reader included, and
       * [their rows, w].
       */
      readonly residual: Weight;
      readonly query: Weight;
      /** [all rows, w of the keys + w of the values]. */
      readonly keyValue: Weight;
      /**
       * Readers above the lowest heads. The first reads the stream directly, because its constant is included in
       * `residual`.
       */
      readonly above: readonly KeptPart[];
      /** The end of the model with the answers' rows of the unembedding, [answers, d], and as many biases. */
      readonly end: Pick<
        FoldedTransformer,
        "finalBias" | "finalNorm" | "unembedding" | "unembeddingBias" | "logitCap" | "firstPosition"
      >;
    }
);

/**
 * The lowest heads. Their queries, keys and values are in tables, so only the attention itself remains, and the
 * norm through which it writes, if it has one.
 */
interface LowestHeads
  extends Pick<
    Attention,
    "heads" | "keyValueHeads" | "group" | "headWidth" | "valueWidth" | "scoreCap" | "window" | "postNorm"
  > {
  readonly queries: Queries;
  /** W_O, and a bias where there is a norm after it. */
  readonly output: Linear;
}

/** Input: input_ids int64 [batch, length]. Output: scores [batch, answers], the answers' logits. */
export function lowerCompiled(model: CompiledModel, operators: OperatorSet): Graph {
  const { positions } = model.vocabulary;
  const graph = new GraphBuilder("compiled");
  const ids = graph.input("input_ids", "int64", ["batch", positions.length]);
  const rows = lookUp(graph, ids, positions);
  const count = rowCount(positions);
  const lastRows = firstRowOfLast(positions);
  const last = graph.sub(lastPosition(graph, rows), graph.integers([], [lastRows]));
  const known = graph.lessOrEqual(graph.reduceMax(rows, [1], true), graph.integers([], [count - 1]));
  let scores: Value;
  if (model.kind === "answers") {
    // The scores depend on the last token only, but a prompt with an unknown token at any position is refused.
    const row = graph.where(known, last, graph.integers([], [count]));
    const table = graph.weight(model.scores);
    scores = graph.reshape(graph.gather(table, row), [0, Number(table.shape[1])]);
  } else {
    const { end, width } = model;
    const stream = aboveTables(graph, model, rows, last, operators);
    const flat = graph.reshape(stream.shape[1] === 1 ? stream : lastPosition(graph, stream), [0, width]);
    const normed = normalize(graph, joinFinal(graph, flat, end), end.finalNorm, operators);
    scores = logitsOf(graph, normed, end, end.unembedding);
  }
  graph.output("scores", graph.where(known, scores, graph.floats([], [Number.NaN])));
  return graph.build();
}

/** The number of rows: one for each pair of a position and a token that is allowed there. */
export function rowCount(positions: PromptVocabulary["positions"]): number {
  return positions.reduce((sum, tokens) => sum + tokens.length, 0);
}

/** The rows of the last position come after those of all others. */
export function firstRowOfLast(positions: PromptVocabulary["positions"]): number {
  return rowCount(positions) - (positions.at(-1)?.length ?? 0);
}

/** The residual stream after all readers; only at the last position from the topmost heads on. */
function aboveTables(
  graph: GraphBuilder,
  model: Extract<CompiledModel, { kind: "heads" }>,
  rows: Value,
  last: Value,
  operators: OperatorSet,
): Value {
  const { lowest, above, vocabulary } = model;
  const widths = [lowest.headWidth, valueWidthOf(lowest)].map((each) => lowest.keyValueHeads.length * each);
  const asking = lowest.queries === "last" ? last : rows;
  const [key, value] = graph.split(graph.gather(graph.weight(model.keyValue), rows), -1, widths);
  if (key === undefined || value === undefined) throw new RangeError("split gave too few parts");
  const query = graph.gather(graph.weight(model.query), asking);
  const places = fixedPlaces(graph, vocabulary.positions.length, model.end.firstPosition);
  const z = attendTo(graph, { query, key, value }, lowest, lowest.queries, places);
  const residual = graph.gather(graph.weight(model.residual), asking);
  const setting = { places, operators };
  return walkParts(graph, graph.add(residual, writeThroughNorm(graph, z, lowest, setting)), above, {
    ...setting,
    constant: foldedConstants(graph, places),
  });
}

/**
 * [batch, length] of row numbers. Each position's tokens are compared with the prompt's token. The sum has at
 * most one term that is not zero, so it is exact, and no table is as long as the model's vocabulary.
 */
function lookUp(graph: GraphBuilder, ids: Value, positions: PromptVocabulary["positions"]): Value {
  const most = Math.max(...positions.map((tokens) => tokens.length));
  const keys: number[] = [];
  const rows: number[] = [];
  // One past the last row: an engine that does not check indices reads just behind the table, not far away.
  const outside = rowCount(positions);
  let row = 0;
  for (const tokens of positions) {
    for (let at = 0; at < most; at++) {
      const token = tokens[at];
      // The filling value of a short list matches no token.
      keys.push(token ?? -1);
      rows.push(token === undefined ? 0 : row++ - outside);
    }
  }
  const shape = [positions.length, most];
  const matches = graph.equal(graph.unsqueeze(ids, [2]), graph.integers(shape, keys));
  const found = graph.where(matches, graph.integers(shape, rows), graph.integers([], [0]));
  return graph.add(graph.reduceSum(found, [2], false), graph.integers([], [outside]));
}
