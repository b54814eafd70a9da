/** A GGUF tensor as a weight: read when it is asked for, a piece of its blocks at a time, and widened to float32. */
import { elementCount } from "../../transformer/weight.ts";
import type { ByteSource } from "../byte-source.ts";
import { allocateValues, requireFiniteWeights } from "../finite-values.ts";
import type { CheckpointWeight } from "../shards.ts";
import type { GgufTensor } from "./header.ts";

/** Values of a piece: a multiple of every block, and as safetensors' pieces are. */
const pieceValues = 2 ** 21;

export function storedGgufWeight(source: ByteSource, tensor: GgufTensor): CheckpointWeight {
  const { name, shape, format, begin } = tensor;
  const count = elementCount(shape);
  const place = { file: source.name, tensor: name };
  /** @param first a multiple of the block. */
  const readInto = async (values: Float32Array<ArrayBuffer>, first: number) => {
    for (let at = 0; at < values.length; at += pieceValues) {
      const blocks = Math.min(pieceValues, values.length - at) / format.values;
      const start = begin + ((first + at) / format.values) * format.bytes;
      format.widen(await source.read(start, blocks * format.bytes), values, at);
    }
    requireFiniteWeights(values, place, first);
    return values;
  };
  // A row is of whole blocks.
  const readRows = async (start: number, end: number) => {
    const valid = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end;
    if (!valid || end > (shape[0] ?? 0)) throw new RangeError(`${name} has no rows [${start}, ${end})`);
    const width = elementCount(shape.slice(1));
    return readInto(allocateValues((end - start) * width, place), start * width);
  };
  return {
    name,
    shape,
    file: source.name,
    read: async () => readInto(allocateValues(count, place), 0),
    ...(shape.length > 1 && { readRows }),
    async *parts() {
      for (let at = 0; at < count; at += pieceValues)
        yield await readInto(new Float32Array(Math.min(pieceValues, count - at)), at);
    },
  };
}
