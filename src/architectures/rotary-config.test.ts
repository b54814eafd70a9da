/** Expected angles are what transformers 5.24's own `modeling_rope_utils.py` gives in float64. */
import { describe, expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { readRotary } from "./rotary-config.ts";

const llamaLike = { headWidth: 8, contextLength: 64 };
const wide = { headWidth: 16, contextLength: 256 };

const expectAngles = (found: readonly number[], expected: readonly number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [pair, angle] of expected.entries()) expect((found[pair] ?? 0) / angle).toBeCloseTo(1, 10);
};

describe("where the numbers stand", () => {
  test("nothing is said: base 10,000, halves, the whole head", () => {
    const { rotary, contextLength, notes } = readRotary({}, "config.json", llamaLike);
    expect(rotary).toMatchObject({ width: 8, pairs: "halves" });
    expectAngles(rotary.frequencies, [1, 0.1, 0.01, 0.001]);
    expect(rotary.scale).toBeUndefined();
    expect({ contextLength, notes }).toEqual({ contextLength: 64, notes: [] });
  });

  test.each([
    ["transformers 4", { rope_theta: 16, rope_scaling: null }],
    ["transformers 5", { rope_parameters: { rope_theta: 16, rope_type: "default" } }],
    ["the object before the field beside it", { rope_theta: 9, rope_parameters: { rope_theta: 16 } }],
    [
      "scaling before parameters",
      { rope_scaling: { type: "default", rope_theta: 16 }, rope_parameters: { rope_theta: 9 } },
    ],
    ["an empty object says nothing", { rope_theta: 16, rope_scaling: {} }],
  ])("%s", (_, raw) => {
    const { rotary } = readRotary(raw, "config.json", llamaLike);
    expectAngles(rotary.frequencies, [1, 1 / 2, 1 / 4, 1 / 8]);
  });

  test.each([
    ["the family's share", {}, 0.25, 2],
    ["the file's share, beside", { partial_rotary_factor: 0.5 }, 0.25, 4],
    ["the file's share, inside", { rope_parameters: { partial_rotary_factor: 0.75 } }, 0.25, 6],
  ])("%s of a head turns", (_, raw, share, width) => {
    const { rotary } = readRotary(raw, "config.json", { ...llamaLike, share });
    expect(rotary.width).toBe(width);
    expect(rotary.frequencies).toHaveLength(width / 2);
    expect(rotary.frequencies[1] ?? 10_000 ** (-2 / width)).toBeCloseTo(10_000 ** (-2 / width), 12);
  });
});

describe("scaling", () => {
  const scaled = (rope_scaling: Record<string, unknown>, base = 10_000, setting = wide) =>
    readRotary({ rope_theta: base, rope_scaling }, "config.json", setting);

  test("linear divides all", () => {
    const { rotary } = scaled({ type: "linear", factor: 4 }, 10_000, llamaLike);
    expectAngles(rotary.frequencies, [0.25, 0.025, 0.0025, 0.00025]);
  });

  test("dynamic is plain within the context, and says so", () => {
    const { rotary, contextLength, notes } = scaled({ type: "dynamic", factor: 4 }, 10_000, llamaLike);
    expectAngles(rotary.frequencies, [1, 0.1, 0.01, 0.001]);
    expect(contextLength).toBe(64);
    expect(notes).toEqual([
      'rope_scaling: "dynamic" turns as without scaling up to 64 tokens, and Pith reads no longer prompts.',
    ]);
  });

  test("llama3 divides long waves, leaves short ones, and mixes those between", () => {
    const factors = { factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const given = { rope_type: "llama3", ...factors, original_max_position_embeddings: 64 };
    expectAngles(scaled(given, 500).rotary.frequencies, [
      ...[1, 0.459863297827, 0.0976166326565, 0.0121561559058],
      ...[0.00559016994375, 0.00257071398574, 0.00118217701125, 0.00054363981901],
    ]);
  });

  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 };
  test("yarn, and its scale of cosines and sines", () => {
    const { rotary } = scaled(yarn);
    expectAngles(rotary.frequencies, [
      ...[1, 0.237170824513, 0.05, 0.00790569415042],
      ...[0.0025, 0.000790569415042, 0.00025, 7.90569415042e-5],
    ]);
    expect(rotary.scale).toBeCloseTo(1.138629436111989, 12);
  });

  test("yarn with all its numbers", () => {
    const numbers = { beta_fast: 8, beta_slow: 2, mscale: 1, mscale_all_dim: 0.5, truncate: false };
    const { rotary } = scaled({ ...yarn, ...numbers });
    expectAngles(rotary.frequencies, [
      ...[1, 0.160589134867, 0.025, 0.00790569415042],
      ...[0.0025, 0.000790569415042, 0.00025, 7.90569415042e-5],
    ]);
    expect(rotary.scale).toBeCloseTo(1.0648216253695715, 12);
    expect(scaled({ ...yarn, attention_factor: 1.5 }).rotary.scale).toBe(1.5);
  });

  test("longrope has its short angles, up to the original length", () => {
    const factors = { short_factor: [1, 1.1, 1.2, 2], long_factor: [2, 3, 4, 5] };
    const given = { type: "longrope", ...factors, original_max_position_embeddings: 64 };
    const { rotary, contextLength, notes } = scaled(given, 10_000, { ...llamaLike, contextLength: 256 });
    expectAngles(rotary.frequencies, [1, 0.0909090909091, 0.00833333333333, 0.0005]);
    expect(rotary.scale).toBeCloseTo(1.1547005383792517, 12);
    expect(contextLength).toBe(64);
    expect(notes[0]).toContain("beyond 64 tokens");
  });

  test("a family's own name of a type", () => {
    const factors = { short_factor: [1, 1, 1, 1], long_factor: [1, 1, 1, 1] };
    const raw = { rope_scaling: { type: "su", ...factors }, original_max_position_embeddings: 32 };
    const setting = { ...llamaLike, renamedTypes: { su: "longrope" } } as const;
    expect(readRotary(raw, "config.json", setting).contextLength).toBe(32);
  });
});

test.each([
  [{ rope_scaling: { type: "mrope", factor: 2 } }, "rope_scaling.rope_type", '"mrope"'],
  [{ rope_scaling: { type: "constructor" } }, "rope_scaling.rope_type", "not one that Pith knows"],
  [{ rope_scaling: { type: "linear" } }, "rope_scaling.factor", "is missing"],
  [{ rope_scaling: { type: "linear", factor: 0 } }, "rope_scaling.factor", "is 0"],
  [
    { rope_scaling: { type: "linear", factor: 2, base_change: 3 } },
    "rope_scaling.base_change",
    "not a field that",
  ],
  [{ rope_scaling: { type: "llama3", factor: 2 } }, "rope_scaling.low_freq_factor", "is missing"],
  [{ rope_scaling: { type: "longrope", short_factor: [1] } }, "rope_scaling.short_factor", "4 pairs turn"],
  [{ rope_scaling: "linear" }, "rope_scaling", "not an object"],
  [
    { rope_parameters: { full_attention: { rope_theta: 10 } } },
    "rope_parameters.full_attention",
    "not a field",
  ],
  [{ rope_theta: 0 }, "rope_theta", "is 0"],
  [{ rope_theta: "10000" }, "rope_theta", 'is "10000"'],
  [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor", "whole heads"],
  [
    {
      rope_scaling: { type: "longrope", factor: 2, short_factor: [1, 1, 1, 1] },
      original_max_position_embeddings: 1,
    },
    "rope_scaling",
    "not finite",
  ],
  [{ original_max_position_embeddings: "x" }, "original_max_position_embeddings", "not a length"],
])("refuses %j, naming the field", (raw, field, message) => {
  let thrown: unknown;
  try {
    readRotary(raw, "config.json", llamaLike);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(PithError);
  expect(thrown).toMatchObject({ code: "config", place: { file: "config.json", field } });
  expect(String(thrown)).toContain(message);
});
