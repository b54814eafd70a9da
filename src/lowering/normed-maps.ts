/**
 * A norm and the maps that read through it, taken apart: all but one factor a row is linear. With W a map's matrix, a
 * row's norm times W is (x·V) / σ(x) + c, where V is W with the norm's scale in its rows (and, for LayerNorm, less the
 * mean of its rows, which subtracts the row's own mean), and c the norm's shift times W and the bias. So x·V of a sum
 * of terms is the sum of their products.
 */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import { inOut, linearShape } from "../transformer/linear.ts";
import type { Linear, Norm } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";

/** V: linear in the stream; without a bias. */
export function linearPart(linear: Linear, norm: Norm | undefined): Linear {
  const { weight, transposed } = linear;
  if (norm === undefined) return { weight, ...(transposed && { transposed }) };
  return {
    ...(transposed && { transposed }),
    weight: {
      name: `${weight.name} (of the stream)`,
      shape: weight.shape,
      async read() {
        const values = await weight.read();
        const scale = await norm.scale.read();
        const [rows = 0, columns = 0] = weight.shape;
        const [inputs, outputs] = linearShape(linear);
        const sums = new Float64Array(outputs);
        const visit = (change: (value: number, input: number, output: number) => number) => {
          for (let row = 0, at = 0; row < rows; row++) {
            for (let column = 0; column < columns; column++, at++) {
              const value = values[at] as number;
              values[at] = transposed ? change(value, column, row) : change(value, row, column);
            }
          }
        };
        visit((value, input, output) => {
          const scaled = value * (scale[input] as number);
          sums[output] = (sums[output] as number) + scaled;
          return scaled;
        });
        if (norm.kind === "layer") visit((value, _, output) => value - (sums[output] as number) / inputs);
        return values;
      },
    },
  };
}

/** c: what the map gives whatever the stream is. @returns undefined if that is nothing. */
export function constantPart(linear: Linear, norm: Norm | undefined): Weight | undefined {
  const { weight, bias } = linear;
  const shift = norm?.kind === "layer" ? norm.shift : undefined;
  if (shift === undefined) return bias;
  const [, outputs] = linearShape(linear);
  return {
    name: `${weight.name} (of the shift)`,
    shape: [outputs],
    async read() {
      const values = await inOut(linear).read();
      const sums = Float64Array.from((await bias?.read()) ?? new Float32Array(outputs));
      for (const [input, factor] of (await shift.read()).entries()) {
        for (let output = 0; output < outputs; output++) {
          sums[output] = (sums[output] as number) + factor * (values[input * outputs + output] as number);
        }
      }
      return Float32Array.from(sums);
    },
  };
}

/** 1 / σ of each row of the stream, [..., 1]; undefined without a norm. */
export function rowFactor(graph: GraphBuilder, x: Value, norm: Norm | undefined): Value | undefined {
  if (norm === undefined) return undefined;
  const centred = norm.kind === "layer" ? graph.sub(x, graph.reduceMean(x, [-1], true)) : x;
  const variance = graph.reduceMean(graph.mul(centred, centred), [-1], true);
  return graph.div(graph.floats([], [1]), graph.sqrt(graph.add(variance, graph.floats([], [norm.epsilon]))));
}
