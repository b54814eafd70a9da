/**
 * Damaged and hostile GGUF files. Whatever the bytes are, a reader either gives a model whose tensors lie within the
 * file, or throws a PithError: never another error, never a read outside the file, never a hang, and nothing made for a
 * count that the file could not hold.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseConfig, readTransformer } from "../src/architectures/index.ts";
import { readGgufHeader } from "../src/checkpoint/gguf/header.ts";
import { readGguf } from "../src/checkpoint/gguf/read-gguf.ts";
import { ggufTokenizerFiles } from "../src/tokenizer/gguf-tokenizer.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { damagedBytes, fuzz, guardedSource } from "./support/damaged-bytes.ts";

const intact = readFileSync("test/gguf/gpt2.gguf");
const { tensors, metadata } = await readGgufHeader(guardedSource("gpt2.gguf", intact));
const headerBytes = tensors[0]?.begin ?? 0;

/** Numbers that lengths, counts, types, dimensions and offsets may claim to be. */
const claim = fc.oneof(
  fc.constantFrom(0n, 1n, 7n, 31n, 32n, 64n, 255n, 2n ** 16n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n),
  fc.constantFrom(2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 64n }),
);

/** The values of tensors and lists, which begin at the same places as their lengths, claim something else. */
const lying = fc.tuple(fc.nat(headerBytes - 9), claim, fc.boolean()).map(([at, value, wide]) => {
  const file = Uint8Array.from(intact);
  const view = new DataView(file.buffer);
  if (wide) view.setBigUint64(at, value, true);
  else view.setUint32(at, Number(value & 0xffffffffn), true);
  return file;
});

/** Of the counts and of each key and tensor, the numbers that stand behind its name. */
const lyingBehindNames = fc
  .tuple(fc.constantFrom(...metadata.keys(), ...tensors.map(({ name }) => name)), fc.nat(5), claim)
  .map(([name, step, value]) => {
    const file = Uint8Array.from(intact);
    const at = intact.indexOf(name) + Buffer.byteLength(name) + 4 * step;
    new DataView(file.buffer).setBigUint64(Math.min(at, file.length - 8), value, true);
    return file;
  });

const damaged = fc.oneof(damagedBytes(intact, headerBytes), lying, lyingBehindNames);

test("the file as it is gives a model", async () => {
  expect(tensors).toHaveLength(16);
  const { config } = await readGguf([guardedSource("gpt2.gguf", intact)]);
  expect(config).toMatchObject({ model_type: "gpt2", hidden_size: 16, vocab_size: 150 });
});

test("5,000 damaged files are read or refused", async () => {
  await fuzz(damaged, 5000, async (bytes) => {
    const model = await readGguf([guardedSource("fuzz.gguf", bytes)]);
    const config = parseConfig(model.config, "fuzz.gguf");
    expect(config.layers).toBeLessThanOrEqual(4096);
    const transformer = await readTransformer({ directory: "fuzz.gguf", config, weights: model.originals() });
    expect(await transformer.blocks[0]?.attention?.query.weight.read()).toHaveLength(16 * 16);
    const tokenizer = createTokenizer(ggufTokenizerFiles(model.metadata, "fuzz.gguf"), "fuzz.gguf");
    expect(tokenizer.encode("a b").length).toBeGreaterThan(0);
  });
});
