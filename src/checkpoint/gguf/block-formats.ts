/**
 * How GGUF files store numbers: as they are, or in blocks that share a scale ("quantised"). Every format that Pith
 * reads is widened to float32 with the formulas of ggml (ggml-quants.c, `dequantize_row_*`), whose results are exact
 * but for one rounding to float32.
 */
import { widenInto } from "../dtype.ts";

/** A number format, by the facts that a file's offsets follow from. */
export interface BlockFormat {
  /** "Q4_K", as ggml calls it. */
  readonly name: string;
  /** Values of a block; rows are made of whole blocks. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Widens whole blocks into `target`, from element `at` on. */
  widen(blocks: Uint8Array<ArrayBuffer>, target: Float32Array<ArrayBuffer>, at: number): void;
}

/** Widens one block, which begins at `byte`; `at` is its first element in `target`. */
type WidenBlock = (block: Uint8Array, byte: number, target: Float32Array, at: number) => void;

const small = 32;
const large = 256;

/** By ggml's number of the type. */
const formats: ReadonlyMap<number, BlockFormat> = new Map([
  [0, plain("F32", 4)],
  [1, plain("F16", 2)],
  [30, plain("BF16", 2)],
  [2, blocks("Q4_0", small, 18, widenQ4_0)],
  [3, blocks("Q4_1", small, 20, widenQ4_1)],
  [6, blocks("Q5_0", small, 22, widenQ5_0)],
  [7, blocks("Q5_1", small, 24, widenQ5_1)],
  [8, blocks("Q8_0", small, 34, widenQ8_0)],
  [10, blocks("Q2_K", large, 84, widenQ2K)],
  [11, blocks("Q3_K", large, 110, widenQ3K)],
  [12, blocks("Q4_K", large, 144, widenQ4K)],
  [13, blocks("Q5_K", large, 176, widenQ5K)],
  [14, blocks("Q6_K", large, 210, widenQ6K)],
]);

/** ggml's names of formats that Pith does not read. */
const unread: ReadonlyMap<number, string> = new Map([
  ...([
    [9, "Q8_1"],
    [15, "Q8_K"],
    [16, "IQ2_XXS"],
    [17, "IQ2_XS"],
    [18, "IQ3_XXS"],
    [19, "IQ1_S"],
  ] as const),
  ...([
    [20, "IQ4_NL"],
    [21, "IQ3_S"],
    [22, "IQ2_S"],
    [23, "IQ4_XS"],
    [24, "I8"],
    [25, "I16"],
  ] as const),
  ...([
    [26, "I32"],
    [27, "I64"],
    [28, "F64"],
    [29, "IQ1_M"],
    [34, "TQ1_0"],
    [35, "TQ2_0"],
  ] as const),
  ...([
    [39, "MXFP4"],
    [40, "NVFP4"],
  ] as const),
]);

/** Undefined for a type that Pith does not read. */
export function blockFormat(type: number): BlockFormat | undefined {
  return formats.get(type);
}

/** What a type is called, known or not. */
export function blockFormatName(type: number): string {
  return formats.get(type)?.name ?? unread.get(type) ?? `type ${type}`;
}

/** The formats that are read, for advice. */
export const blockFormatNames: readonly string[] = [...formats.values()].map(({ name }) => name);

function plain(name: "F32" | "F16" | "BF16", bytes: number): BlockFormat {
  return { name, values: 1, bytes, widen: (data, target, at) => widenInto(name, data, target, at) };
}

function blocks(name: string, values: number, bytes: number, widenBlock: WidenBlock): BlockFormat {
  return {
    name,
    values,
    bytes,
    widen(data, target, at) {
      const count = data.length / bytes;
      if (!Number.isInteger(count) || at < 0 || at + count * values > target.length)
        throw new RangeError(`${data.length} bytes of ${name} don't fit at ${at} of ${target.length}`);
      for (let block = 0; block < count; block++)
        widenBlock(data, block * bytes, target, at + block * values);
    },
  };
}

const halfBytes = new Uint8Array(2);
const halfValue = new Float32Array(1);

/** A little-endian float16. */
function half(data: Uint8Array, at: number): number {
  halfBytes[0] = byteAt(data, at);
  halfBytes[1] = byteAt(data, at + 1);
  widenInto("F16", halfBytes, halfValue, 0);
  return halfValue[0] as number;
}

function byteAt(data: Uint8Array, at: number): number {
  return data[at] as number;
}

function signedByteAt(data: Uint8Array, at: number): number {
  return (byteAt(data, at) << 24) >> 24;
}

/** Two values a byte: the first half of the block in the lower four bits, the second in the upper. */
function widenQ4_0(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  for (let i = 0; i < 16; i++) {
    const pair = byteAt(data, byte + 2 + i);
    target[at + i] = scale * ((pair & 15) - 8);
    target[at + 16 + i] = scale * ((pair >> 4) - 8);
  }
}

function widenQ4_1(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  const least = half(data, byte + 2);
  for (let i = 0; i < 16; i++) {
    const pair = byteAt(data, byte + 4 + i);
    target[at + i] = scale * (pair & 15) + least;
    target[at + 16 + i] = scale * (pair >> 4) + least;
  }
}

/** As Q4_0, with each value's fifth bit in a word of 32 bits before them. */
function widenQ5_0(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  for (let i = 0; i < 32; i++) target[at + i] = scale * (fiveBits(data, byte + 2, i) - 16);
}

function widenQ5_1(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  const least = half(data, byte + 2);
  for (let i = 0; i < 32; i++) target[at + i] = scale * fiveBits(data, byte + 4, i) + least;
}

function fiveBits(data: Uint8Array, byte: number, i: number): number {
  const pair = byteAt(data, byte + 4 + (i & 15));
  const fifth = (byteAt(data, byte + (i >> 3)) >> (i & 7)) & 1;
  return (i < 16 ? pair & 15 : pair >> 4) | (fifth << 4);
}

function widenQ8_0(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  for (let i = 0; i < 32; i++) target[at + i] = scale * signedByteAt(data, byte + 2 + i);
}

/** 16 groups of 16, each with a scale and a minimum of four bits; two bits a value. */
function widenQ2K(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte + 80);
  const least = half(data, byte + 82);
  for (let group = 0; group < 16; group++) {
    const both = byteAt(data, byte + group);
    const step = scale * (both & 15);
    const minimum = least * (both >> 4);
    const first = byte + 16 + 32 * (group >> 3) + 16 * (group & 1);
    const shift = 2 * ((group >> 1) & 3);
    for (let i = 0; i < 16; i++)
      target[at + 16 * group + i] = step * ((byteAt(data, first + i) >> shift) & 3) - minimum;
  }
}

/** 16 groups of 16 with a scale of six bits; two bits a value, and a third that is stored inverted. */
function widenQ3K(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte + 108);
  for (let group = 0; group < 16; group++) {
    const lower = (byteAt(data, byte + 96 + (group & 7)) >> (group < 8 ? 0 : 4)) & 15;
    const upper = (byteAt(data, byte + 104 + (group & 3)) >> (2 * (group >> 2))) & 3;
    const step = scale * ((lower | (upper << 4)) - 32);
    const place = 16 * (group & 1);
    const first = byte + 32 + 32 * (group >> 3) + place;
    const shift = 2 * ((group >> 1) & 3);
    for (let i = 0; i < 16; i++) {
      const third = (byteAt(data, byte + place + i) >> (group >> 1)) & 1;
      const value = ((byteAt(data, first + i) >> shift) & 3) - (third === 1 ? 0 : 4);
      target[at + 16 * group + i] = step * value;
    }
  }
}

/** 8 groups of 32, each with a scale and a minimum of six bits, packed in twelve bytes at `byte`. */
function sixBitPair(
  data: Uint8Array,
  byte: number,
  group: number,
): readonly [scale: number, minimum: number] {
  if (group < 4) return [byteAt(data, byte + group) & 63, byteAt(data, byte + 4 + group) & 63];
  const both = byteAt(data, byte + 4 + group);
  const upper = (at: number) => (byteAt(data, byte + at) >> 6) << 4;
  return [(both & 15) | upper(group - 4), (both >> 4) | upper(group)];
}

function widenQ4K(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  const least = half(data, byte + 2);
  for (let group = 0; group < 8; group++) {
    const [own, minimum] = sixBitPair(data, byte + 4, group);
    const [step, below] = [scale * own, least * minimum];
    const first = byte + 16 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++)
      target[at + 32 * group + i] = step * ((byteAt(data, first + i) >> shift) & 15) - below;
  }
}

/** As Q4_K, with the groups' fifth bits before them: of group g in bit g. */
function widenQ5K(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte);
  const least = half(data, byte + 2);
  for (let group = 0; group < 8; group++) {
    const [own, minimum] = sixBitPair(data, byte + 4, group);
    const [step, below] = [scale * own, least * minimum];
    const first = byte + 48 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++) {
      const fifth = (byteAt(data, byte + 16 + i) >> group) & 1;
      const value = ((byteAt(data, first + i) >> shift) & 15) | (fifth << 4);
      target[at + 32 * group + i] = step * value - below;
    }
  }
}

/** 16 groups of 16 with a scale of eight bits; four bits a value, and two more behind all of those. */
function widenQ6K(data: Uint8Array, byte: number, target: Float32Array, at: number): void {
  const scale = half(data, byte + 208);
  for (let group = 0; group < 16; group++) {
    const step = scale * signedByteAt(data, byte + 192 + group);
    const [side, part, place] = [group >> 3, (group >> 1) & 3, 16 * (group & 1)];
    const lower = byte + 64 * side + 32 * (part & 1) + place;
    const upper = byte + 128 + 32 * side + place;
    for (let i = 0; i < 16; i++) {
      const four = (byteAt(data, lower + i) >> (part < 2 ? 0 : 4)) & 15;
      const two = (byteAt(data, upper + i) >> (2 * part)) & 3;
      target[at + 16 * group + i] = step * ((four | (two << 4)) - 32);
    }
  }
}
