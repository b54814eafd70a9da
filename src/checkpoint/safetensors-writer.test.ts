import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { constantWeight, elementCount, type Weight } from "../transformer/weight.ts";
import { readSafetensorsHeader, readTensor } from "./safetensors.ts";
import { planSafetensors } from "./safetensors-writer.ts";
import { memorySource } from "./testing.ts";
import { writeSafetensors, writeSafetensorsFile } from "./write-safetensors-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-writer-"));
});
afterAll(() => rm(folder, { recursive: true }));

const weight = (name: string, values: readonly number[], shape: readonly number[] = [values.length]) =>
  constantWeight(name, shape, Float32Array.from(values));

describe("planSafetensors", () => {
  test("one tensor, byte by byte", () => {
    const plan = planSafetensors([{ name: "w", shape: [2, 3] }]);
    const json = '{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}';
    // 8 + 57 bytes, padded to 128 with spaces.
    expect(new TextDecoder().decode(plan.header.subarray(8))).toBe(json.padEnd(120));
    expect([...plan.header.subarray(0, 8)]).toEqual([120, 0, 0, 0, 0, 0, 0, 0]);
    expect(plan.entries).toEqual([{ name: "w", shape: [2, 3], offset: 128, byteLength: 24 }]);
    expect(plan.totalBytes).toBe(152);
  });

  test("whatever it lays out, the reader finds at the same offsets", async () => {
    const shapes = fc.array(fc.nat(3), { maxLength: 3 });
    const tensors = fc.uniqueArray(fc.record({ name: fc.string({ unit: "binary" }), shape: shapes }), {
      selector: ({ name }) => name,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(tensors, fc.dictionary(fc.string(), fc.string()), async (list, metadata) => {
        fc.pre(list.every(({ name }) => name !== "__metadata__"));
        const plan = planSafetensors(list, metadata);
        const file = new Uint8Array(plan.totalBytes);
        file.set(plan.header);
        const header = await readSafetensorsHeader(memorySource("f", file));
        expect(header.dataStart % 64).toBe(0);
        expect(header.dataStart).toBe(plan.header.length);
        expect(new Map(header.metadata)).toEqual(new Map(Object.entries(metadata)));
        const found = new Map(header.tensors.map((entry) => [entry.name, entry]));
        expect(found.size).toBe(list.length);
        for (const { name, shape, offset, byteLength } of plan.entries) {
          expect(byteLength).toBe(4 * elementCount(shape));
          expect(found.get(name)).toEqual({
            name,
            dtype: "F32",
            shape,
            begin: offset,
            end: offset + byteLength,
          });
        }
      }),
    );
  });

  test("refuses repeated and reserved names, and shapes that are none", () => {
    const one = { name: "w", shape: [1] };
    expect(() => planSafetensors([one, one])).toThrow('two tensors are named "w"');
    expect(() => planSafetensors([{ name: "__metadata__", shape: [] }])).toThrow(RangeError);
    expect(() => planSafetensors([{ name: "w", shape: [-1] }])).toThrow(RangeError);
  });
});

describe("writeSafetensorsFile", () => {
  test("writes what the reader gives back, bit for bit", async () => {
    const path = join(folder, "round.safetensors");
    const odd = new Float32Array(new Uint32Array([0x7fa00001, 0x80000000, 1, 0xff800000]).buffer);
    const weights = [
      weight("b", [1, 2, 3, 4, 5, 6], [2, 3]),
      constantWeight("a", [4], odd),
      weight("s", [7], []),
    ];
    const progress: number[] = [];
    const plan = await writeSafetensorsFile(path, weights, {
      metadata: { format: "pt" },
      onProgress: (written, total) => progress.push(written / total),
    });
    const file = await readFile(path);
    expect(file.length).toBe(plan.totalBytes);
    expect(progress.at(-1)).toBe(1);
    const source = memorySource(path, file);
    const { tensors } = await readSafetensorsHeader(source);
    expect(tensors.map(({ name }) => name)).toEqual(["b", "a", "s"]);
    for (const [index, entry] of tensors.entries()) {
      const values = await readTensor(source, entry);
      const expected = (await weights[index]?.read()) ?? new Float32Array();
      expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(expected.buffer));
    }
  });

  test("a tensor larger than one write, and never two tensors at once", async () => {
    const path = join(folder, "large.safetensors");
    let open = 0;
    const large = (name: string): Weight => ({
      name,
      shape: [5_000_000],
      read: async () => {
        open++;
        expect(open).toBe(1);
        return Float32Array.from({ length: 5_000_000 }, (_, index) => index);
      },
    });
    const plan = await writeSafetensorsFile(path, [large("a"), large("b")], {
      onProgress: () => {
        open = 0;
      },
    });
    const file = await readFile(path);
    const view = new DataView(file.buffer, file.byteOffset);
    for (const { offset } of plan.entries) {
      for (const index of [0, 1, 4_194_303, 4_194_304, 4_999_999]) {
        expect(view.getFloat32(offset + 4 * index, true)).toBe(index);
      }
    }
  });

  test("leaves no file when a weight can't be read, lies, or the user stops", async () => {
    const failing: Weight = { ...weight("w", [1]), read: () => Promise.reject(new Error("broken")) };
    const lying: Weight = { ...weight("w", [1]), shape: [2] };
    const path = join(folder, "none.safetensors");
    await expect(writeSafetensorsFile(path, [failing])).rejects.toThrow("broken");
    await expect(writeSafetensorsFile(path, [lying])).rejects.toThrow(
      "w: read 4 bytes where its shape has 8",
    );
    const signal = AbortSignal.abort();
    await expect(writeSafetensorsFile(path, [weight("w", [1])], { signal })).rejects.toThrow("abort");
    expect(await readdir(folder)).not.toContain("none.safetensors");
  });

  test("never overwrites", async () => {
    const path = join(folder, "there");
    await writeFile(path, "precious");
    await expect(writeSafetensorsFile(path, [weight("w", [1])])).rejects.toMatchObject({ code: "output" });
    expect(await readFile(path, "utf8")).toBe("precious");
    await expect(writeSafetensorsFile(join(folder, "no", "w"), [])).rejects.toMatchObject({ code: "output" });
  });

  test.runIf(process.platform === "linux")("a full disk says how many bytes were needed", async () => {
    const weights = [weight("w", [1, 2])];
    const plan = planSafetensors(weights);
    const handle = await open("/dev/full", "w");
    const result = writeSafetensors(handle, "out.safetensors", plan, weights);
    await expect(result).rejects.toMatchObject({
      name: "PithError",
      code: "output",
      message: expect.stringContaining(`the disk is full: this file needs ${plan.totalBytes} bytes`),
    });
    await handle.close();
  });
});
