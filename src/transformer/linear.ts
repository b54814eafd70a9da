/** Parts of affine maps, with matrices stored either way round. */
import { joinColumns, joinRows } from "./derive.ts";
import { type Range, sliceColumns, sliceRows, sliceVector } from "./slice.ts";
import type { Linear } from "./transformer.ts";
import type { Weight } from "./weight.ts";

/** The numbers of inputs and outputs. */
export function linearShape({ weight, transposed }: Linear): readonly [inputs: number, outputs: number] {
  const [first = 0, second = 0] = weight.shape;
  return transposed ? [second, first] : [first, second];
}

/** The map restricted to some outputs, with their biases. */
export function sliceOutputs({ weight, bias, ...rest }: Linear, ranges: readonly Range[]): Linear {
  return {
    ...rest,
    weight: rest.transposed ? sliceRows(weight, ranges) : sliceColumns(weight, ranges),
    ...(bias && { bias: sliceVector(bias, ranges) }),
  };
}

/** The map restricted to some inputs. The bias belongs to none of them and stays whole. */
export function sliceInputs({ weight, ...rest }: Linear, ranges: readonly Range[]): Linear {
  return { ...rest, weight: rest.transposed ? sliceColumns(weight, ranges) : sliceRows(weight, ranges) };
}

/**
 * Maps of the same input, all stored alike, as one map to all their outputs.
 * @throws RangeError where some have a bias and some have none.
 */
export function joinOutputs(linears: readonly Linear[]): Linear {
  const weights = linears.map(({ weight }) => weight);
  const biases = linears.flatMap(({ bias }) => bias ?? []);
  if (biases.length !== 0 && biases.length !== linears.length) throw new RangeError("a map without a bias");
  const transposed = linears[0]?.transposed === true;
  return {
    weight: transposed ? joinRows(weights) : joinColumns(weights),
    ...(transposed && { transposed }),
    ...(biases.length > 0 && { bias: joinColumns(biases) }),
  };
}

/** The matrix as [in, out]. A matrix that is stored transposed is copied each time that it is read. */
export function inOut({ weight, transposed }: Pick<Linear, "weight" | "transposed">): Weight {
  if (!transposed) return weight;
  const [outputs = 0, inputs = 0] = weight.shape;
  return {
    name: weight.name,
    shape: [inputs, outputs],
    madeOf: [weight],
    async read() {
      const values = await weight.read();
      const turned = new Float32Array(values.length);
      for (let output = 0; output < outputs; output++) {
        for (let input = 0; input < inputs; input++) {
          turned[input * outputs + output] = values[output * inputs + input] as number;
        }
      }
      return turned;
    },
  };
}
