/**
 * Holds the gradients of a graph against central finite differences of the graph itself, both in float64, and then what
 * ONNX Runtime computes in float32 against float64.
 */
import { expect } from "vitest";
import { gradientGraph } from "../../src/onnx/gradient.ts";
import type { Graph, Value } from "../../src/onnx/graph.ts";
import type { HostTensor } from "../../src/runtime/runtime.ts";
import { createRandom } from "../../src/tasks/random.ts";
import { interpretWith, type Tensor, tensor, weightTensors } from "./interpret-graph.ts";
import { runGraph } from "./run-graph.ts";

/** The size of each symbol. */
export type Sizes = Readonly<Record<string, number>>;

/** Random numbers from 0 up to 1. */
type Random = () => number;

/** From −2 to 2, and never near 0, where activations have kinks. */
export const unlikeEach = (random: Random): number => {
  const drawn = 0.1 + 1.9 * random();
  return random() < 0.5 ? drawn : -drawn;
};

interface GradientCheck {
  readonly of: string;
  readonly wrt: readonly string[];
  readonly sizes: Sizes;
  readonly seed: number;
  /** Values of float inputs that `feeds` lacks. */
  readonly valuesOf?: (name: string, random: Random) => number;
  readonly feeds?: Readonly<Record<string, Tensor>>;
  /** float32 against float64, as a share of the largest gradient of the same value. */
  readonly float32?: number;
}

/** The most entries of one value whose differences are taken one by one; of more, some at random. */
const most = 12;
const step = 1e-5;

export async function checkGradient(graph: Graph, check: GradientCheck): Promise<void> {
  const { of, wrt, sizes, seed, valuesOf = (_, random) => unlikeEach(random), float32 = 2e-5 } = check;
  const random = randomOf(seed);
  const feeds: Record<string, Tensor> = { ...check.feeds };
  for (const { name, shape, type } of graph.inputs) {
    if (type !== "float32" && feeds[name] === undefined) throw new TypeError(`${name} needs values`);
    feeds[name] ??= drawn(shape, sizes, () => valuesOf(name, random));
  }
  // What ONNX Runtime gets is float32: both compute from the same values.
  for (const [name, { shape, data }] of Object.entries(feeds))
    feeds[name] = tensor(shape, Float32Array.from(data));
  const given = { ...(await weightTensors(graph)), ...feeds };
  const before = interpretWith(graph, given);
  const upstream = drawnLike(before[of], random);
  const gradient = gradientGraph(graph, { of, wrt, keep: graph.outputs.map(({ name }) => name) });
  const after = interpretWith(gradient, { ...given, [`gradient.${of}`]: upstream });
  for (const { name } of graph.outputs) expect(after[name], name).toEqual(before[name]);

  const scalar = (values: Readonly<Record<string, Tensor>>): number =>
    dot(interpretWith(graph, values)[of], upstream);
  for (const name of wrt) {
    const [value, found] = [given[name], after[`gradient.${name}`]];
    if (value === undefined) throw new TypeError(`${name} is no value`);
    expect(found?.shape, `shape of the gradient of ${name}`).toEqual(value.shape);
    for (const at of someOf(value.data.length, random)) {
      const moved = (by: number) => {
        const data = value.data.with(at, (value.data[at] ?? 0) + by);
        return scalar({ ...given, [name]: tensor(value.shape, data) });
      };
      const [coarse, fine] = [step, step / 2].map((by) => (moved(by) - moved(-by)) / (2 * by));
      if (coarse === undefined || fine === undefined) throw new TypeError("no differences");
      // Where two steps disagree, at a kink or in a steep norm, the difference itself is known no better.
      const allowed = 1e-6 * Math.max(1, Math.abs(fine)) + Math.abs(coarse - fine);
      const own = found?.data[at] ?? Number.NaN;
      const text = `gradient of ${name}[${at}]: ${own}, by differences ${fine}`;
      expect(Math.abs(own - fine), text).toBeLessThan(allowed);
    }
  }
  await checkFloat32(gradient, { ...feeds, [`gradient.${of}`]: upstream }, after, float32);
}

async function checkFloat32(
  gradient: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
  tolerance: number,
): Promise<void> {
  const inputs = new Map(gradient.inputs.map((input) => [input.name, input]));
  const host = Object.entries(feeds).flatMap(([name, values]) => {
    const input = inputs.get(name);
    return input === undefined ? [] : [[name, hostTensor(input, values)] as const];
  });
  const outputs = await runGraph(gradient, Object.fromEntries(host));
  for (const { name } of gradient.outputs) {
    const [actual, wanted] = [outputs[name], expected[name]];
    expect(actual?.shape, name).toEqual(wanted?.shape);
    const scale = Math.max(1, ...(wanted?.data ?? []).map(Math.abs));
    for (const [at, value] of (actual?.values ?? []).entries()) {
      const own = wanted?.data[at] ?? Number.NaN;
      expect(Math.abs(value - own) / scale, `${name}[${at}] in float32: ${value}, ${own}`).toBeLessThan(
        tolerance,
      );
    }
  }
}

function hostTensor({ type }: Value, { shape, data }: Tensor): HostTensor {
  return type === "int64"
    ? { type, shape, data: BigInt64Array.from(data, (value) => BigInt(value)) }
    : { type: "float32", shape, data: Float32Array.from(data) };
}

function someOf(count: number, random: Random): readonly number[] {
  if (count <= most) return [...Array(count).keys()];
  return Array.from({ length: most }, () => Math.floor(random() * count));
}

function randomOf(seed: number): Random {
  const { nextUint32 } = createRandom(seed);
  return () => nextUint32() / 2 ** 32;
}

function drawn(shape: Value["shape"], sizes: Sizes, draw: () => number): Tensor {
  const known = shape.map((size) => (typeof size === "number" ? size : (sizes[size] ?? Number.NaN)));
  const count = known.reduce((product, size) => product * size, 1);
  return tensor(known, Array.from({ length: count }, draw));
}

function drawnLike(value: Tensor | undefined, random: Random): Tensor {
  if (value === undefined) throw new TypeError("no such output");
  return tensor(
    value.shape,
    Float32Array.from(value.data, () => unlikeEach(random)),
  );
}

function dot(a: Tensor | undefined, b: Tensor): number {
  return b.data.reduce((sum, value, at) => sum + value * (a?.data[at] ?? Number.NaN), 0);
}
