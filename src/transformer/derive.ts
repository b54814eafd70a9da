/** Weights that are computed from other weights; they are still read only when needed. */
import { elementCount, type Weight } from "./weight.ts";

/** Matrices of equal height side by side, or vectors one after another. */
export function joinColumns(weights: readonly Weight[]): Weight {
  const name = weights.map((weight) => weight.name).join("+");
  const heights = new Set(weights.map((weight) => elementCount(weight.shape.slice(0, -1))));
  const [height, other] = heights;
  if (height === undefined || other !== undefined) throw new RangeError(`${name}: heights differ`);
  const widths = weights.map((weight) => weight.shape.at(-1) ?? 1);
  const width = widths.reduce((sum, each) => sum + each, 0);
  return {
    name,
    shape: [...(weights[0]?.shape.slice(0, -1) ?? []), width],
    madeOf: weights,
    async read() {
      const joined = new Float32Array(height * width);
      // Read together, so that parts of one fused matrix can share its reading.
      const parts = await Promise.all(weights.map((weight) => weight.read()));
      let at = 0;
      for (const [index, values] of parts.entries()) {
        const own = widths[index] ?? 0;
        for (let row = 0; row < height; row++) {
          joined.set(values.subarray(row * own, (row + 1) * own), row * width + at);
        }
        at += own;
      }
      return joined;
    },
  };
}

/** Matrices of equal width, one below another. */
export function joinRows(weights: readonly Weight[]): Weight {
  const name = weights.map((weight) => weight.name).join("+");
  const widths = new Set(weights.map((weight) => weight.shape[1]));
  const [width, other] = widths;
  if (width === undefined || other !== undefined) throw new RangeError(`${name}: widths differ`);
  const height = weights.reduce((sum, weight) => sum + (weight.shape[0] ?? 0), 0);
  return {
    name,
    shape: [height, width],
    madeOf: weights,
    async read() {
      const joined = new Float32Array(height * width);
      const parts = await Promise.all(weights.map((weight) => weight.read()));
      let at = 0;
      for (const values of parts) {
        joined.set(values, at);
        at += values.length;
      }
      return joined;
    },
  };
}

/**
 * The same weight, but simultaneous reads share one. For matrices that are only read in parts: nobody may change
 * the shared array.
 */
export function readOnceTogether(weight: Weight): Weight {
  let running: Promise<Float32Array<ArrayBuffer>> | undefined;
  return {
    ...weight,
    read() {
      running ??= weight.read().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

/** The weight times a number. */
export function scaled(weight: Weight, factor: number): Weight {
  if (factor === 1) return weight;
  return {
    name: `${weight.name}×${factor}`,
    shape: weight.shape,
    madeOf: [weight],
    async read() {
      const values = await weight.read();
      for (let index = 0; index < values.length; index++) values[index] = (values[index] ?? 0) * factor;
      return values;
    },
  };
}

/** The same values with another shape. */
export function reshaped(weight: Weight, shape: readonly number[]): Weight {
  if (elementCount(shape) !== elementCount(weight.shape)) {
    throw new RangeError(`${weight.name}: [${weight.shape.join(", ")}] can't become [${shape.join(", ")}]`);
  }
  return { name: weight.name, shape, madeOf: [weight], read: () => weight.read() };
}

/**
 * A matrix less the mean of its rows. Softmax over the products with all rows stays the same, and the products
 * become so small that float32 keeps three more digits of them (GPT-2's logits are near -100).
 */
export function centeredRows(weight: Weight): Weight {
  return {
    name: `${weight.name} (centred)`,
    shape: weight.shape,
    madeOf: [weight],
    async read() {
      const values = await weight.read();
      const sums = new Float64Array(weight.shape.at(-1) ?? 1);
      addRows(sums, values);
      subtractRow(values, meanOf(sums, values.length / sums.length));
      return values;
    },
  };
}

/** The same of a matrix that comes in parts, one under another: each less the mean of the rows of all. */
export function centeredTogether(parts: readonly Weight[]): readonly Weight[] {
  let mean: Promise<Float32Array> | undefined;
  const readMean = async () => {
    const sums = new Float64Array(parts[0]?.shape.at(-1) ?? 1);
    let rows = 0;
    for (const part of parts) {
      addRows(sums, await part.read());
      rows += part.shape[0] ?? 0;
    }
    return meanOf(sums, rows);
  };
  return parts.map((part) => ({
    name: `${part.name} (centred)`,
    shape: part.shape,
    madeOf: [part],
    async read() {
      mean ??= readMean();
      const row = await mean;
      const values = await part.read();
      subtractRow(values, row);
      return values;
    },
  }));
}

function addRows(sums: Float64Array, values: Float32Array): void {
  const width = sums.length;
  for (let start = 0; start < values.length; start += width) {
    for (let column = 0; column < width; column++) {
      sums[column] = (sums[column] as number) + (values[start + column] as number);
    }
  }
}

const meanOf = (sums: Float64Array, rows: number): Float32Array =>
  Float32Array.from(sums, (sum) => sum / rows);

function subtractRow(values: Float32Array, row: Float32Array): void {
  const width = row.length;
  for (let start = 0; start < values.length; start += width) {
    for (let column = 0; column < width; column++) {
      values[start + column] = (values[start + column] as number) - (row[column] as number);
    }
  }
}
