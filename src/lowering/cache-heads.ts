/**
 * Gives all caches of a decoder graph one shape. A circuit's layers keep different numbers of heads, and values may be
 * narrower than keys, but transformers.js 3 and Optimum derive one shape for all caches from config.json. In such a
 * cache, the kept heads come first, and a narrower value's elements, followed by zeros. The zeros are cut off before
 * the attention reads the cache and added again afterwards, so that attention is computed for what is kept only; the
 * cost is a copy.
 */
import type { Dimension, Graph, GraphNode, InlineConstant, Shape, Value } from "../onnx/graph.ts";
import { withoutUnread } from "../onnx/without-unread.ts";

/** How many heads a cache has: as many as config.json implies, the same for all; or those that its layer keeps. */
export const cacheKinds = ["uniform", "exact"] as const;
/** How many heads a cache has: see {@link cacheKinds}. */
export type CacheKind = (typeof cacheKinds)[number];

const pastPrefix = "past_key_values.";
const presentPrefix = "present.";
/** Of [batch, heads, length, headWidth]. */
const [headAxis, lengthAxis, widthAxis] = [1, 2, 3];

/** The shape of all caches. */
export interface CacheShape {
  readonly heads: number;
  readonly headWidth: number;
}

/**
 * @param heads of keys and values, of the original's layers.
 * @param headWidth left out: the heads of a layer share the width, as in a config.json in GPT-2's terms.
 * @returns the shape that tools derive from config.json, which has one number of heads and one width. Undefined
 * if the model's layers differ in these.
 */
export function uniformCaches(
  width: number,
  heads: readonly number[],
  headWidth: number = width / (heads[0] ?? 0),
): CacheShape | undefined {
  const [first = 0] = heads;
  return heads.every((each) => each === first) && Number.isInteger(headWidth)
    ? { heads: first, headWidth }
    : undefined;
}

/** How many heads each cache of a graph has. */
export function cacheHeadsOf({ inputs }: Graph): readonly number[] {
  return inputs
    .filter(({ name }) => name.startsWith(pastPrefix) && name.endsWith(".key"))
    .map(({ shape }) => Number(shape[headAxis]));
}

/**
 * @param graph of the decoder profile, with caches of any shape.
 * @param caches the new shape of every cache; undefined: as many heads as its layer keeps, as wide as they are, and no
 * cache for a layer without heads.
 * @throws RangeError when a layer keeps more heads, or wider ones.
 */
export function withCaches(graph: Graph, caches: CacheShape | undefined): Graph {
  const exact = trimCaches(graph);
  if (caches === undefined) return exact;
  return cacheHeadsOf(exact).length === 0 ? addCache(exact, caches) : padCaches(exact, caches);
}

function padCaches(graph: Graph, caches: CacheShape): Graph {
  const { integers, constants } = newConstants();
  const slices: GraphNode[] = [];
  const kept = new Map<string, Value>();
  const inputs = graph.inputs.map((input) => {
    if (!input.name.startsWith(pastPrefix) || isFull(input, caches)) return input;
    const padded = shapedAs(input, caches);
    const cut = { ...input, name: `${input.name}/kept` };
    kept.set(input.name, cut);
    const axes = [headAxis, widthAxis].filter((axis) => input.shape[axis] !== padded.shape[axis]);
    const ends = axes.map((axis) => Number(input.shape[axis]));
    const bounds = [axes.map(() => 0), ends, axes].map(integers);
    slices.push(standard("Slice", [padded, ...bounds], cut));
    return padded;
  });
  const presents = new Map<string, Value>();
  const outputs = graph.outputs.map((output) => {
    if (!output.name.startsWith(presentPrefix) || isFull(output, caches)) return output;
    const padded = shapedAs(output, caches);
    presents.set(output.name, padded);
    return padded;
  });
  const nodes = graph.nodes.map((node): GraphNode => {
    const [output] = node.outputs;
    const [source] = node.inputs;
    const padded = output && presents.get(output.name);
    if (output === undefined || source === undefined || padded === undefined) return rewired(node, kept);
    const missing = padded.shape.map((size, axis) =>
      axis === lengthAxis ? 0 : Number(size) - Number(output.shape[axis]),
    );
    return standard("Pad", [source, integers([0, 0, 0, 0, 0, ...missing.slice(headAxis)])], padded);
  });
  const all = [...graph.constants, ...constants.values()];
  return { ...graph, inputs, outputs, nodes: [...slices, ...nodes], constants: all };
}

/**
 * A cache for a circuit without attention, which nothing reads: transformers.js 3 and Optimum expect at least one
 * cache and count the previous tokens by its length. It contains zeros.
 */
function addCache(graph: Graph, { heads, headWidth }: CacheShape): Graph {
  const [ids, mask] = ["input_ids", "attention_mask"].map((name) =>
    graph.inputs.find((input) => input.name === name),
  );
  if (ids === undefined || mask === undefined)
    throw new RangeError("this is no graph of the decoder profile");
  const [batch = 1, sequence = 1] = ids.shape;
  const [, total = 1] = mask.shape;
  const { integers, constants } = newConstants();
  const zeros: Value = { name: "cache/zeros", type: "float32", shape: [1, heads, 1, headWidth] };
  constants.set(zeros.name, { value: zeros, data: new Float32Array(heads * headWidth) });
  const value = (name: string, shape: Shape): Value => ({ name: `cache/${name}`, type: "float32", shape });
  const tokens = value("tokens", [batch, sequence]);
  const column = value("column", [batch, 1, sequence, 1]);
  const added = value("new", [batch, heads, sequence, headWidth]);
  // Computed from the token ids with standard operators, with shapes that any runtime can infer.
  const nodes = [
    standard("Cast", [ids], tokens, { to: { kind: "int", value: 1 } }),
    standard("Unsqueeze", [tokens, integers([1, 3])], column),
    standard("Mul", [column, zeros], added),
  ];
  const inputs: Value[] = [];
  const outputs: Value[] = [];
  for (const part of ["key", "value"]) {
    const cache = (name: string, length: Dimension): Value => ({
      name: `${name}0.${part}`,
      type: "float32",
      shape: [batch, heads, length, headWidth],
    });
    const past = cache(pastPrefix, "past_sequence_length");
    const present = cache(presentPrefix, total);
    nodes.push(standard("Concat", [past, added], present, { axis: { kind: "int", value: lengthAxis } }));
    inputs.push(past);
    outputs.push(present);
  }
  return {
    ...graph,
    inputs: [...graph.inputs, ...inputs],
    outputs: [...graph.outputs, ...outputs],
    nodes: [...graph.nodes, ...nodes],
    constants: [...graph.constants, ...constants.values()],
  };
}

/**
 * Undoes `padCaches` and `addCache`: removes Slice nodes on inputs, and Pad or Concat nodes that make outputs.
 */
function trimCaches(graph: Graph): Graph {
  const own = new Map<string, Value>();
  const readAs = new Map<string, Value>();
  const unread = new Set<string>();
  for (const { operator, inputs, outputs } of graph.nodes) {
    const [source] = inputs;
    const [result] = outputs;
    if (source === undefined || result === undefined) continue;
    if (operator === "Slice" && source.name.startsWith(pastPrefix)) {
      const input = { ...result, name: source.name };
      own.set(source.name, input);
      readAs.set(result.name, input);
    } else if (operator === "Pad" && result.name.startsWith(presentPrefix)) {
      own.set(result.name, { ...source, name: result.name });
    } else if (operator === "Concat" && result.name.startsWith(presentPrefix)) {
      unread.add(source.name).add(result.name);
    }
  }
  if (own.size === 0 && unread.size === 0) return graph;
  const trimmed = (values: readonly Value[]): readonly Value[] =>
    values.filter(({ name }) => !unread.has(name)).map((value) => own.get(value.name) ?? value);
  const nodes = graph.nodes.map((node): GraphNode => {
    const [output] = node.outputs;
    const present = output && own.get(output.name);
    return present === undefined
      ? rewired(node, readAs)
      : standard("Identity", node.inputs.slice(0, 1), present);
  });
  return withoutUnread({
    ...graph,
    nodes,
    inputs: trimmed(graph.inputs),
    outputs: trimmed(graph.outputs),
  });
}

/** Whether a cache already has all heads, in their whole width. */
function isFull({ name, shape }: Value, { heads, headWidth }: CacheShape): boolean {
  const [own, width] = [Number(shape[headAxis]), Number(shape[widthAxis])];
  if (own > heads || width > headWidth) {
    throw new RangeError(`${name} [${shape.join(", ")}] can't have ${heads} heads of ${headWidth}`);
  }
  return own === heads && width === headWidth;
}

function newConstants() {
  const constants = new Map<string, InlineConstant>();
  const integers = (values: readonly number[]): Value => {
    const value: Value = { name: `cache/${values.join("_")}`, type: "int64", shape: [values.length] };
    constants.set(value.name, { value, data: BigInt64Array.from(values, BigInt) });
    return value;
  };
  return { constants, integers };
}

const shapedAs = (value: Value, { heads, headWidth }: CacheShape): Value => ({
  ...value,
  shape: value.shape.map((size, axis) => (axis === headAxis ? heads : axis === widthAxis ? headWidth : size)),
});

const rewired = (node: GraphNode, others: ReadonlyMap<string, Value>): GraphNode => ({
  ...node,
  inputs: node.inputs.map((input) => (input && others.get(input.name)) ?? input),
});

const standard = (
  operator: GraphNode["operator"],
  inputs: GraphNode["inputs"],
  output: Value,
  attributes: GraphNode["attributes"] = {},
): GraphNode => ({ operator, domain: "", inputs, outputs: [output], attributes });
