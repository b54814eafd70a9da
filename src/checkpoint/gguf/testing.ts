/** Makes small GGUF files for tests, true or not. */

/** A value as the format writes it: its type's number, and its bytes. */
interface EncodedValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const join = (...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(pieces));

export const uint32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const uint64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
export const ggufText = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text);
  return join(uint64(bytes.length), bytes);
};

export const textValue = (text: string): EncodedValue => ({ type: 8, bytes: ggufText(text) });
export const countValue = (value: number): EncodedValue => ({ type: 4, bytes: uint32(value) });
export const realValue = (value: number): EncodedValue => ({
  type: 6,
  bytes: new Uint8Array(Float32Array.of(value).buffer),
});

export interface TestGgufTensor {
  readonly name: string;
  /** The slowest dimension first. */
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** In the data; left out: where the format wants it. */
  readonly offset?: number;
}

/** A file of alignment 32. */
export function encodeGguf(
  metadata: Readonly<Record<string, EncodedValue>>,
  tensors: readonly TestGgufTensor[] = [],
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(metadata).map(([key, { type, bytes }]) =>
    join(ggufText(key), uint32(type), bytes),
  );
  let offset = 0;
  const infos = tensors.map(({ name, shape, type, bytes, offset: own = offset }) => {
    offset += Math.ceil(bytes.length / 32) * 32;
    const dimensions = shape.toReversed().map(uint64);
    return join(ggufText(name), uint32(shape.length), ...dimensions, uint32(type), uint64(own));
  });
  const counts = [uint64(tensors.length), uint64(entries.length)];
  const header = join(new TextEncoder().encode("GGUF"), uint32(3), ...counts, ...entries, ...infos);
  return join(...[header, ...tensors.map(({ bytes }) => bytes)].map(padded));
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 32) * 32);
  whole.set(bytes);
  return whole;
}
