/**
 * Makes small safetensors files and a tiny GPT-2 for tests. It does not use the writer, so that the writer can be
 * tested too.
 */
import { elementCount } from "../transformer/weight.ts";
import { assertRange, type ByteSource } from "./byte-source.ts";
import type { WeightDtype } from "./dtype.ts";

/** A source of bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => {
      assertRange(name, bytes.length, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    close: async () => {},
  };
}

export interface TestTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * A file with any header, valid or not, and any data. `header` may be text, for content that JSON.stringify can't
 * write.
 */
export function rawSafetensors(
  header: unknown,
  data: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** A valid file. */
export function encodeSafetensors(tensors: readonly TestTensor[]): Uint8Array<ArrayBuffer> {
  let position = 0;
  const header = Object.fromEntries(
    tensors.map(({ name, dtype, shape, bytes }) => {
      const begin = position;
      position += bytes.length;
      return [name, { dtype, shape, data_offsets: [begin, position] }];
    }),
  );
  const data = Uint8Array.from(tensors.flatMap(({ bytes }) => [...bytes]));
  return rawSafetensors({ __metadata__: { format: "pt" }, ...header }, data);
}

/** A tensor of values that every weight dtype holds exactly (multiples of 1/16 below 16 in magnitude). */
export function floatTensor(
  name: string,
  dtype: WeightDtype,
  shape: readonly number[],
  values: readonly number[],
): TestTensor {
  if (values.length !== elementCount(shape)) throw new Error(`${name}: ${values.length} values`);
  const bytes = new Uint8Array(values.length * (dtype === "F32" ? 4 : 2));
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    if (dtype === "F32") {
      view.setFloat32(4 * index, value, true);
    } else if (dtype === "F16") {
      view.setUint16(2 * index, float16Bits(value), true);
    } else {
      const float32 = new DataView(new ArrayBuffer(4));
      float32.setFloat32(0, value);
      view.setUint16(2 * index, float32.getUint16(0), true);
    }
  }
  return { name, dtype, shape, bytes };
}

function float16Bits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.abs(value) / 2 ** exponent - 1;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (fraction * 1024);
}

/** 2 layers of 2 heads, d 4, hidden 6, 5 positions, 7 tokens. */
export const TINY_CONFIG = {
  model_type: "gpt2",
  n_layer: 2,
  n_head: 2,
  n_embd: 4,
  n_inner: 6,
  n_positions: 5,
  vocab_size: 7,
  bos_token_id: 6,
  eos_token_id: 6,
};

/** The tensors that `TINY_CONFIG` needs, each with different values; the unembedding on request. */
export function tinyTensors(
  options: { readonly dtype?: WeightDtype; readonly prefix?: string; readonly unembedding?: boolean } = {},
): readonly TestTensor[] {
  const { dtype = "F32", prefix = "", unembedding = false } = options;
  const layer = (index: number) =>
    (
      [
        ["ln_1.weight", [4]],
        ["ln_1.bias", [4]],
        ["attn.c_attn.weight", [4, 12]],
        ["attn.c_attn.bias", [12]],
        ["attn.c_proj.weight", [4, 4]],
        ["attn.c_proj.bias", [4]],
        ["ln_2.weight", [4]],
        ["ln_2.bias", [4]],
        ["mlp.c_fc.weight", [4, 6]],
        ["mlp.c_fc.bias", [6]],
        ["mlp.c_proj.weight", [6, 4]],
        ["mlp.c_proj.bias", [4]],
      ] as const
    ).map(([name, shape]) => [`${prefix}h.${index}.${name}`, shape] as const);
  const shapes: (readonly [name: string, shape: readonly number[]])[] = [
    [`${prefix}wte.weight`, [7, 4]],
    [`${prefix}wpe.weight`, [5, 4]],
    ...layer(0),
    ...layer(1),
    [`${prefix}ln_f.weight`, [4]],
    [`${prefix}ln_f.bias`, [4]],
  ];
  if (unembedding) shapes.push(["lm_head.weight", [7, 4]]);
  return shapes.map(([name, shape], index) =>
    floatTensor(name, dtype, shape, tinyValues(index, elementCount(shape))),
  );
}

function tinyValues(seed: number, length: number): readonly number[] {
  return Array.from({ length }, (_, index) => (((seed * 37 + index * 11) % 201) - 100) / 16);
}
