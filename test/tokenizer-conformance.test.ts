/** Ids, texts and parts against Python's tokenizers; see test/golden/tokenizers/README.md. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createNormalizer } from "../src/tokenizer/normalizers.ts";
import { createPreTokenizer } from "../src/tokenizer/pre-tokenizers.ts";
import { createTokenizer, type TokenizerFiles } from "../src/tokenizer/tokenizer.ts";

const directory = "test/golden/tokenizers";
const read = (name: string) => JSON.parse(gunzipSync(readFileSync(join(directory, name))).toString("utf8"));

interface Design {
  readonly tokenizer: TokenizerFiles["tokenizer.json"];
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly (string | null)[];
}
interface Part {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sha256: string;
}

const texts: readonly string[] = read("texts.json.gz");
const designs = readdirSync(directory).filter(
  (name) => name.endsWith(".json.gz") && !["texts.json.gz", "parts.json.gz"].includes(name),
);

test("there are designs and texts enough", () => {
  expect(designs.length).toBeGreaterThanOrEqual(24);
  expect(texts.length).toBeGreaterThanOrEqual(1200);
});

describe.each(designs)("%s", (name) => {
  const design: Design = read(name);
  const tokenizer = createTokenizer({ "tokenizer.json": design.tokenizer, "tokenizer_config.json": {} });

  test("has Python's ids", () => {
    const found = texts.map((text) => ({ text, ids: tokenizer.encode(text) }));
    expect(found).toEqual(texts.map((text, i) => ({ text, ids: design.ids[i] })));
  });

  test("has Python's texts", () => {
    const found = design.ids.map((ids) => tokenizer.decode(ids));
    expect(found).toEqual(design.decoded.map((text, i) => text ?? texts[i]));
  });
});

describe("parts by themselves", () => {
  const parts: Readonly<Record<"pre_tokenizers" | "normalizers", readonly Part[]>> = read("parts.json.gz");
  const some = texts.filter((text) => text !== "");
  const sha256 = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

  test.each(
    parts.pre_tokenizers.map(({ config, sha256: hash }) => [JSON.stringify(config), config, hash] as const),
  )("pre-tokenizer %s", (_, config, hash) => {
    const split = createPreTokenizer(config);
    expect(sha256(some.map((text) => split({ text, first: true }).map((piece) => piece.text)))).toBe(hash);
  });

  test.each(
    parts.normalizers.map(({ config, sha256: hash }) => [JSON.stringify(config), config, hash] as const),
  )("normalizer %s", (_, config, hash) => {
    const precompiled = config["type"] === "Precompiled";
    const { normalize } = createNormalizer(precompiled ? read("t5.json.gz").tokenizer.normalizer : config);
    expect(sha256(some.map(normalize))).toBe(hash);
  });
});
