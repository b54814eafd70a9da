import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { readSafetensorsHeader, readTensor, readWeight, type SafetensorsEntry } from "./safetensors.ts";
import { encodeSafetensors, floatTensor, memorySource, rawSafetensors } from "./testing.ts";

const open = (bytes: Uint8Array) => memorySource("model.safetensors", bytes);
const f32 = (shape: unknown, offsets: unknown) => ({ dtype: "F32", shape, data_offsets: offsets });
const bytes = (length: number) => new Uint8Array(length);

/** What reading the header says, which must be a PithError of the right kind. */
async function refusal(file: Uint8Array): Promise<string> {
  const error = await readSafetensorsHeader(open(file)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PithError)) throw new Error(`not refused as it should be: ${error}`);
  expect(error.code).toBe("checkpoint");
  expect(error.place.file).toBe("model.safetensors");
  return error.message;
}

describe("readSafetensorsHeader", () => {
  test("gives absolute offsets, in the order of the data, whatever the order of the names", async () => {
    const header = {
      z: f32([2], [4, 12]),
      __metadata__: { format: "pt" },
      a: f32([], [0, 4]),
      e: f32([3, 0], [4, 4]),
    };
    const file = rawSafetensors(header, bytes(12));
    const { tensors, metadata, dataStart } = await readSafetensorsHeader(open(file));
    expect(dataStart).toBe(file.length - 12);
    expect(
      tensors.map(({ name, shape, begin, end }) => [name, shape, begin - dataStart, end - dataStart]),
    ).toEqual([
      ["a", [], 0, 4],
      ["e", [3, 0], 4, 4],
      ["z", [2], 4, 12],
    ]);
    expect([...metadata]).toEqual([["format", "pt"]]);
  });

  test("reads the length and the header, and nothing else", async () => {
    const file = encodeSafetensors([floatTensor("a", "F32", [1000], Array(1000).fill(1))]);
    const inner = open(file);
    const ranges: (readonly [number, number])[] = [];
    const source: ByteSource = {
      ...inner,
      read: (offset, length) => {
        ranges.push([offset, length]);
        return inner.read(offset, length);
      },
    };
    await readSafetensorsHeader(source);
    expect(ranges).toEqual([
      [0, 8],
      [8, file.length - 8 - 4000],
    ]);
  });

  test("an empty file of no tensors, with trailing spaces, is valid", async () => {
    const { tensors } = await readSafetensorsHeader(open(rawSafetensors("{}      ")));
    expect(tensors).toEqual([]);
  });

  test('a tensor named "__proto__" is a tensor', async () => {
    const file = rawSafetensors('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4));
    const { tensors } = await readSafetensorsHeader(open(file));
    expect(tensors.map(({ name }) => name)).toEqual(["__proto__"]);
  });

  test("buffers of formats that can't be weights don't stop a load", async () => {
    const header = {
      mask: { dtype: "BOOL", shape: [4], data_offsets: [0, 4] },
      ids: { dtype: "I64", shape: [1], data_offsets: [4, 12] },
      tiny: { dtype: "F4", shape: [3, 2], data_offsets: [12, 15] },
    };
    const source = open(rawSafetensors(header, bytes(15)));
    const { tensors } = await readSafetensorsHeader(source);
    await expect(readTensor(source, tensors[1] as SafetensorsEntry)).rejects.toThrow(
      'model.safetensors, tensor "ids": I64 can\'t be read as a weight',
    );
  });

  const length = (value: bigint, rest = 10) => {
    const file = bytes(8 + rest);
    new DataView(file.buffer).setBigUint64(0, value, true);
    return file;
  };

  test.each<readonly [name: string, file: Uint8Array, message: string]>([
    ["seven bytes", bytes(7), "7 bytes are too few"],
    ["a length beyond the file", length(11n), "claims 11 bytes, but the file has 10 left"],
    [
      "a length beyond the limit",
      length(100_000_001n),
      "claims 100000001 bytes, but the format allows 100000000",
    ],
    ["the largest length", length(2n ** 64n - 1n), "claims 18446744073709551615 bytes"],
    [
      "a Git LFS pointer",
      new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\n"),
      "git lfs pull",
    ],
    ["an empty header", length(0n), 'does not begin with "{"'],
    ["a header that starts with a space", rawSafetensors(" {}"), 'does not begin with "{"'],
    ["no JSON", rawSafetensors("{a}"), "is not JSON"],
    ["a repeated tensor", rawSafetensors('{"a":1,"a":2}'), 'has the key "a" twice'],
    [
      "metadata that is not a map",
      rawSafetensors({ __metadata__: [] }),
      '"__metadata__": must map text to text',
    ],
    ["metadata that is not text", rawSafetensors({ __metadata__: { n: 1 } }), '"n" is 1, not text'],
    ["no object", rawSafetensors({ w: 1 }), 'tensor "w": is described by 1'],
    [
      "no dtype",
      rawSafetensors({ w: { shape: [1], data_offsets: [0, 4] } }, bytes(4)),
      "unknown dtype nothing",
    ],
    [
      "an unknown dtype",
      rawSafetensors({ w: { ...f32([1], [0, 4]), dtype: "F12" } }, bytes(4)),
      'unknown dtype "F12"',
    ],
    [
      "an inherited dtype",
      rawSafetensors('{"w":{"__proto__":{"dtype":"F32"},"shape":[],"data_offsets":[0,4]}}', bytes(4)),
      "unknown dtype nothing",
    ],
    ["a negative size", rawSafetensors({ w: f32([-1], [0, 4]) }, bytes(4)), "shape [-1]"],
    ["a fractional size", rawSafetensors({ w: f32([0.5], [0, 2]) }, bytes(2)), "shape [0.5]"],
    ["a size as text", rawSafetensors({ w: f32(["1"], [0, 4]) }, bytes(4)), 'shape ["1"]'],
    [
      "a size beyond exact integers",
      rawSafetensors({ w: f32([2 ** 53], [0, 4]) }, bytes(4)),
      "not a list of whole",
    ],
    [
      "a product that overflows",
      rawSafetensors({ w: f32([2 ** 32, 2 ** 32, 0], [0, 0]) }),
      "too large to be true",
    ],
    ["three offsets", rawSafetensors({ w: f32([1], [0, 4, 4]) }, bytes(4)), "has 3 data_offsets"],
    [
      "an offset that is no integer",
      rawSafetensors({ w: f32([1], [0, 4.5]) }, bytes(4)),
      "data_offsets [0,4.5]",
    ],
    ["reversed offsets", rawSafetensors({ w: f32([1], [4, 0]) }, bytes(4)), "reversed data_offsets [4, 0]"],
    [
      "offsets out of range",
      rawSafetensors({ w: f32([2], [0, 8]) }, bytes(4)),
      "reaches to byte 8 of the data, but the file holds 4",
    ],
    [
      "the wrong length",
      rawSafetensors({ w: f32([2], [0, 4]) }, bytes(4)),
      "F32 [2] takes 8 bytes, but its data_offsets span 4",
    ],
    [
      "half a byte",
      rawSafetensors({ w: { dtype: "F4", shape: [1], data_offsets: [0, 1] } }, bytes(1)),
      "takes 0.5 bytes",
    ],
    [
      "overlapping tensors",
      rawSafetensors({ v: f32([2], [0, 8]), w: f32([1], [4, 8]) }, bytes(8)),
      'tensor "w": overlaps tensor "v"',
    ],
    [
      "a hole",
      rawSafetensors({ v: f32([1], [0, 4]), w: f32([1], [6, 10]) }, bytes(10)),
      'tensor "w": 2 bytes before its data',
    ],
    ["a hole in front", rawSafetensors({ w: f32([1], [4, 8]) }, bytes(8)), "4 bytes before its data"],
    [
      "trailing bytes",
      rawSafetensors({ w: f32([1], [0, 4]) }, bytes(5)),
      "the last 1 bytes belong to no tensor",
    ],
  ])("refuses %s", async (_, file, message) => {
    expect(await refusal(file)).toContain(message);
  });
});

describe("readTensor", () => {
  test.each(["F32", "F16", "BF16"] as const)("reads %s in chunks that meet exactly", async (dtype) => {
    // More than two chunks of 8 MiB; the values differ from chunk to chunk.
    const count = dtype === "F32" ? 4_500_000 : 9_000_000;
    const pattern = floatTensor(
      "",
      dtype,
      [150],
      Array.from({ length: 150 }, (_, i) => (i - 75) / 16),
    );
    const data = bytes(count * (dtype === "F32" ? 4 : 2));
    for (let at = 0; at < data.length; at += pattern.bytes.length) data.set(pattern.bytes, at);
    const file = rawSafetensors({ w: { dtype, shape: [count], data_offsets: [0, data.length] } }, data);
    let largest = 0;
    const inner = open(file);
    const source: ByteSource = {
      ...inner,
      read: (offset, length) => {
        largest = Math.max(largest, length);
        return inner.read(offset, length);
      },
    };
    const { tensors } = await readSafetensorsHeader(source);
    const values = await readTensor(source, tensors[0] as SafetensorsEntry);
    expect(values.length).toBe(count);
    expect(values.every((value, index) => value === ((index % 150) - 75) / 16)).toBe(true);
    expect(largest).toBe(8 * 2 ** 20);
  });

  test("F32 is read into the values' own memory where a source can do that", async () => {
    const inner = open(encodeSafetensors([floatTensor("w", "F32", [2, 3], [1, -2, 3.5, 0, 5, 6])]));
    const { tensors, dataStart } = await readSafetensorsHeader(inner);
    const filled: number[] = [];
    const source: ByteSource = {
      ...inner,
      read: async () => {
        throw new Error("reads nothing else");
      },
      async readInto(offset, target) {
        filled.push(offset, target.length);
        target.set(await inner.read(offset, target.length));
      },
    };
    expect([...(await readTensor(source, tensors[0] as SafetensorsEntry))]).toEqual([1, -2, 3.5, 0, 5, 6]);
    expect(filled).toEqual([dataStart, 24]);
  });

  test("scalars and empty tensors", async () => {
    const source = open(
      encodeSafetensors([floatTensor("s", "F16", [], [2.5]), floatTensor("e", "F32", [0, 3], [])]),
    );
    const { tensors } = await readSafetensorsHeader(source);
    const values = await Promise.all(tensors.map((entry) => readTensor(source, entry)));
    expect(Object.fromEntries(tensors.map(({ name }, i) => [name, Array.from(values[i] ?? [])]))).toEqual({
      s: [2.5],
      e: [],
    });
  });
});

describe("values that no weight may have", () => {
  const tensor = (dtype: "F32" | "F16" | "BF16", at: number, bits: number) => {
    const ones = floatTensor("h.0.w", dtype, [3, 5], Array(15).fill(1));
    const view = new DataView(ones.bytes.buffer);
    if (dtype === "F32") view.setUint32(4 * at, bits, true);
    else view.setUint16(2 * at, bits, true);
    return encodeSafetensors([ones]);
  };

  test.each([
    ["F32", 0x7fc00000, "NaN"],
    ["F32", 0x7f800000, "Infinity"],
    ["F32", 0xff800000, "-Infinity"],
    ["F16", 0x7e00, "NaN"],
    ["F16", 0xfc00, "-Infinity"],
    ["BF16", 0x7f80, "Infinity"],
    ["BF16", 0x7fff, "NaN"],
  ] as const)("%s %i is refused where it is read: %s", async (dtype, bits, shown) => {
    for (const at of [0, 7, 14]) {
      const source = open(tensor(dtype, at, bits));
      const [entry] = (await readSafetensorsHeader(source)).tensors;
      if (entry === undefined) throw new Error("no tensor");
      await expect(readWeight(source, entry)).rejects.toThrow(
        `model.safetensors, tensor "h.0.w": element ${at} is ${shown}; with it every answer`,
      );
    }
  });

  test("the largest and the smallest numbers are none of them", async () => {
    for (const bits of [0x7f7fffff, 0xff7fffff, 1, 0x80000001, 0x80000000]) {
      const source = open(tensor("F32", 3, bits));
      const [entry] = (await readSafetensorsHeader(source)).tensors;
      if (entry === undefined) throw new Error("no tensor");
      expect(new Uint32Array((await readWeight(source, entry)).buffer)[3]).toBe(bits);
    }
  });
});
