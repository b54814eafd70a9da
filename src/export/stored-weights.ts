/**
 * A graph's weights in the form that a safetensors container holds. Wider elements come first, so that every
 * tensor is aligned. The container does not know int4, so int4 weights are stored as bytes of two values each,
 * and their names say so.
 */
import type { TensorToStore } from "../checkpoint/write-safetensors-file.ts";
import type { ElementType, Graph } from "../onnx/graph.ts";

/** Endings of the names of weights in these formats, and of their scales. */
export const suffixes = { float16: "/f16", int8: "/int8", int4: "/int4", scales: "/scales" } as const;

const widths = { float32: 4, float16: 2, int8: 1, int4: 1 } as const;
const dtypes = { float32: "F32", float16: "F16", int8: "I8", int4: "U8" } as const;

/** The tensors in the order in which they are stored in the file. */
export function tensorsToStore(graph: Graph): readonly TensorToStore[] {
  return graph.weights
    .map(({ value, weight }) => {
      const type = storedType(value.type);
      const { readRows } = weight;
      return {
        width: widths[type],
        tensor: {
          name: value.name,
          shape: type === "int4" ? halved(weight.shape) : weight.shape,
          dtype: dtypes[type],
          read: () => weight.read(),
          ...(readRows && { readRows }),
        },
      };
    })
    .sort((a, b) => b.width - a.width)
    .map(({ tensor }) => tensor);
}

/** How many of a model's parameters a stored tensor holds: scales belong to the format, not to the model. */
export function parametersIn(tensor: { readonly name: string; readonly shape: readonly number[] }): number {
  if (tensor.name.endsWith(suffixes.scales)) return 0;
  const elements = tensor.shape.reduce((product, size) => product * size, 1);
  return tensor.name.endsWith(suffixes.int4) ? 2 * elements : elements;
}

function storedType(type: ElementType): keyof typeof dtypes {
  if (type in dtypes) return type as keyof typeof dtypes;
  throw new TypeError(`weights are never ${type}`);
}

function halved(shape: readonly number[]): readonly number[] {
  const last = shape.at(-1) ?? 0;
  if (last % 2 !== 0) throw new RangeError(`rows of ${last} int4 values don't fill bytes`);
  return [...shape.slice(0, -1), last / 2];
}
