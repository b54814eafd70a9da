import { describe, expect, test } from "vitest";
import { PithError } from "../../errors.ts";
import { memorySource } from "../testing.ts";
import { readGgufHeader } from "./header.ts";
import { storedGgufWeight } from "./stored-weight.ts";
import { countValue, encodeGguf, ggufText, realValue, textValue, uint32, uint64 } from "./testing.ts";

const read = (file: Uint8Array) => readGgufHeader(memorySource("m.gguf", file));
const floats = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const tensor = { name: "a.weight", shape: [2, 3], type: 0, bytes: floats(1, 2, 3, 4, 5, 6) };

async function refusal(file: Uint8Array): Promise<string> {
  const error = await read(file).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PithError);
  return error instanceof PithError ? error.message : "";
}

test("metadata and tensors, dimensions the slowest first", async () => {
  const second = { name: "b", shape: [4], type: 0, bytes: floats(7, 8, 9, 10) };
  const file = encodeGguf({ name: textValue("m"), layers: countValue(2), eps: realValue(1e-5) }, [
    tensor,
    second,
  ]);
  const { metadata, tensors } = await read(file);
  // The shortest decimal of the float32.
  expect([...metadata]).toEqual([
    ["name", "m"],
    ["layers", 2],
    ["eps", 1e-5],
  ]);
  expect(tensors.map(({ name, shape, end, begin }) => [name, shape, end - begin])).toEqual([
    ["a.weight", [2, 3], 24],
    ["b", [4], 16],
  ]);
  const source = memorySource("m.gguf", file);
  const [first] = tensors.map((each) => storedGgufWeight(source, each));
  expect(await first?.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  expect(await first?.readRows?.(1, 2)).toEqual(Float32Array.of(4, 5, 6));
});

describe("is refused with what is wrong", () => {
  const lists = (type: number, count: number) => ({
    type: 9,
    bytes: new Uint8Array([...uint32(type), ...uint64(count)]),
  });
  test.each([
    ["a file that is cut off", encodeGguf({}).subarray(0, 20), "too few"],
    ["another format", new TextEncoder().encode("PK and some more bytes than that"), 'not with "GGUF"'],
    ["a pointer of Git LFS", new TextEncoder().encode("version https://git-lfs.github.com"), "git lfs pull"],
    [
      "a text that is too long",
      encodeGguf({ a: { type: 8, bytes: uint64(2 ** 40) } }),
      "takes 1099511627776 bytes",
    ],
    ["a list that is too long", encodeGguf({ a: lists(4, 2 ** 50) }), "takes 4503599627370496 bytes"],
    ["texts that are too many", encodeGguf({ a: lists(8, 2 ** 30) }), "1073741824 texts"],
    ["a list in a list", encodeGguf({ a: lists(9, 1) }), "type 9"],
    ["a type that is none", encodeGguf({ a: { type: 77, bytes: uint64(0) } }), "type 77"],
    [
      "text that is not UTF-8",
      encodeGguf({ a: { type: 8, bytes: new Uint8Array([...uint64(1), 255]) } }),
      "UTF-8",
    ],
    ["an alignment that is none", encodeGguf({ "general.alignment": countValue(33) }), "power of two"],
    ["a format that is not read", encodeGguf({}, [{ ...tensor, type: 16 }]), "IQ2_XXS"],
    ["rows of half a block", encodeGguf({}, [{ ...tensor, type: 8 }]), "no whole blocks of 32"],
    ["an offset that leaves a hole", encodeGguf({}, [{ ...tensor, offset: 32 }]), "begins at byte 32"],
    ["two tensors of a name", encodeGguf({}, [tensor, tensor]), "listed twice"],
    ["data that is cut off", encodeGguf({}, [tensor]).subarray(0, -32), "cut off"],
    ["dimensions beyond numbers", encodeGguf({}, [{ ...tensor, shape: [2 ** 30, 2 ** 30] }]), "too large"],
    ["five dimensions", encodeGguf({}, [{ ...tensor, shape: [1, 1, 1, 2, 3] }]), "5 dimensions"],
    [
      "bytes behind the last tensor",
      new Uint8Array([...encodeGguf({}, [tensor]), ...floats(1)]),
      "the last 4 bytes",
    ],
  ])("%s", async (_, file, fault) => {
    expect(await refusal(file)).toContain(fault);
  });

  test("versions and byte orders that are not read", async () => {
    const withVersion = (...bytes: readonly number[]) => {
      const file = encodeGguf({});
      file.set(bytes, 4);
      return file;
    };
    expect(await refusal(withVersion(1, 0, 0, 0))).toContain("version 1");
    expect(await refusal(withVersion(0, 0, 0, 3))).toContain("big-endian");
  });

  test("a key twice", async () => {
    const file = encodeGguf({ a: countValue(1), b: countValue(2) });
    file[file.indexOf("b".charCodeAt(0), 24)] = "a".charCodeAt(0);
    expect(ggufText("a")).toHaveLength(9);
    expect(await refusal(file)).toContain("twice");
  });
});
