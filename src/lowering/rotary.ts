/**
 * Rotary positions as a graph: pairs of elements of each head's query and key are rotated by angles of their
 * position.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Rotary } from "../transformer/transformer.ts";

/** Cosines and sines of each position's angles, [..., positions, 1, width/2]: one for all heads of a position. */
export interface Rotation {
  readonly cos: Value;
  readonly sin: Value;
}

/** @param x [..., positions, heads, headWidth]. */
export function rotate(graph: GraphBuilder, x: Value, rotary: Rotary, { cos, sin }: Rotation): Value {
  const headWidth = Number(x.shape.at(-1));
  const { width } = rotary;
  const parts = width === headWidth ? [x] : graph.split(x, -1, [width, headWidth - width]);
  const [turning, still] = parts;
  if (turning === undefined) throw new RangeError("split gave too few parts");
  const turned =
    rotary.pairs === "halves" ? byHalves(graph, turning, cos, sin) : byPairs(graph, turning, cos, sin);
  return still === undefined ? turned : graph.concat([turned, still], -1, headWidth);
}

function byHalves(graph: GraphBuilder, x: Value, cos: Value, sin: Value): Value {
  const width = Number(x.shape.at(-1));
  const [first, second] = graph.split(x, -1, [width / 2, width / 2]);
  if (first === undefined || second === undefined) throw new RangeError("split gave too few parts");
  return graph.concat(turn(graph, first, second, cos, sin), -1, width);
}

function byPairs(graph: GraphBuilder, x: Value, cos: Value, sin: Value): Value {
  const width = Number(x.shape.at(-1));
  const rank = x.shape.length;
  const kept = x.shape.slice(0, -1).map(() => 0);
  const [even, odd] = graph.split(graph.reshape(x, [...kept, width / 2, 2]), -1, [1, 1]);
  if (even === undefined || odd === undefined) throw new RangeError("split gave too few parts");
  const [columnCos, columnSin] = [cos, sin].map((value) => graph.unsqueeze(value, [value.shape.length]));
  if (columnCos === undefined || columnSin === undefined) throw new RangeError("a rotation without sines");
  const turned = graph.concat(turn(graph, even, odd, columnCos, columnSin), rank, 2);
  return graph.reshape(turned, [...kept, width]);
}

function turn(graph: GraphBuilder, a: Value, b: Value, cos: Value, sin: Value): readonly [Value, Value] {
  return [graph.sub(graph.mul(a, cos), graph.mul(b, sin)), graph.add(graph.mul(b, cos), graph.mul(a, sin))];
}

/** @returns the cosine and sine of each position's angles, row-major [positions, width/2]. */
export function rotationTables(
  { frequencies, scale = 1 }: Rotary,
  positions: readonly number[],
): { readonly cos: Float32Array<ArrayBuffer>; readonly sin: Float32Array<ArrayBuffer> } {
  const angles = positions.flatMap((position) => frequencies.map((frequency) => position * frequency));
  return {
    cos: Float32Array.from(angles, (angle) => scale * Math.cos(angle)),
    sin: Float32Array.from(angles, (angle) => scale * Math.sin(angle)),
  };
}
