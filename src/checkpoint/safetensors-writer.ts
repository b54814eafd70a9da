/**
 * Computes the layout of a safetensors file before it is written, so that an ONNX graph can refer to its offsets
 * and the file can be streamed. The format's rules are in `safetensors.ts`. One of them shapes this layout: there
 * may be no holes, so only the start of the data can be aligned, by spaces after the header. So tensors with
 * wider elements must come first.
 */
import { elementCount } from "../transformer/weight.ts";
import { LARGEST_HEADER, LENGTH_BYTES } from "./safetensors.ts";

/** Enough for the widest vector loads; the format itself requires 8. */
const DATA_ALIGNMENT = 64;

/** Bytes of an element, of the formats that are written. */
const elementBytes = { F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 } as const;

export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  /** Left out: F32. */
  readonly dtype?: keyof typeof elementBytes;
}

interface PlannedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** From the start of the file, in bytes; a multiple of the element's size. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsPlan {
  /** Everything before the data, including the 8 bytes of the length: its length is the offset of the data. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** In the given order; they fill the file to its end. */
  readonly entries: readonly PlannedTensor[];
  /** Size of the file. */
  readonly totalBytes: number;
}

/**
 * @param tensors in the order of their data.
 * @throws RangeError for a repeated or reserved name, an invalid shape, or wider elements after narrower ones.
 */
export function planSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsPlan {
  checkTensors(tensors);
  // Written member by member: a JavaScript object would reorder names like "7" and lose "__proto__".
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) members.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let dataBytes = 0;
  const placed = tensors.map(({ name, shape, dtype = "F32" }) => {
    const begin = dataBytes;
    if (begin % elementBytes[dtype] !== 0) {
      throw new RangeError(`tensor "${name}" of ${dtype} would not be aligned at ${begin}`);
    }
    const byteLength = elementBytes[dtype] * elementCount(shape);
    dataBytes += byteLength;
    const info = { dtype, shape, data_offsets: [begin, dataBytes] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    return { name, shape, begin, byteLength };
  });
  const header = encodeHeader(`{${members.join(",")}}`);
  return {
    header,
    entries: placed.map(({ name, shape, begin, byteLength }) => ({
      name,
      shape,
      offset: header.length + begin,
      byteLength,
    })),
    totalBytes: header.length + dataBytes,
  };
}

function encodeHeader(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json);
  const total = Math.ceil((LENGTH_BYTES + text.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  if (total - LENGTH_BYTES > LARGEST_HEADER) {
    throw new RangeError(`a header of ${total} bytes is longer than the format allows`);
  }
  const header = new Uint8Array(total).fill(0x20);
  header.set(text, LENGTH_BYTES);
  new DataView(header.buffer).setBigUint64(0, BigInt(total - LENGTH_BYTES), true);
  return header;
}

function checkTensors(tensors: readonly TensorToWrite[]): void {
  const names = new Set<string>();
  for (const { name, shape } of tensors) {
    if (name === "__metadata__") throw new RangeError('a tensor can\'t be named "__metadata__"');
    if (names.has(name)) throw new RangeError(`two tensors are named "${name}"`);
    names.add(name);
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
      throw new RangeError(`tensor "${name}" can't have shape [${shape.join(", ")}]`);
    }
  }
}
