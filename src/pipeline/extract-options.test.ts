import { expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { checkExtractOptions, defaultExtractOptions, type ExtractOptions } from "./extract-options.ts";

test("with none, the defaults", () => {
  expect(checkExtractOptions({})).toEqual(defaultExtractOptions);
  const { signal } = new AbortController();
  expect(checkExtractOptions({ signal, onEvent: () => {} })).toEqual(defaultExtractOptions);
});

test("what is given counts", () => {
  const given = {
    alpha: 0.5,
    ablation: "zero",
    mlps: false,
    order: "downstream",
    seed: 7,
    threads: 1,
  } as const;
  expect(checkExtractOptions(given)).toEqual({ ...defaultExtractOptions, ...given });
});

test.each<[string, Record<string, unknown>]>([
  ["alpha", { alpha: 0 }],
  ["alpha", { alpha: -1 }],
  ["alpha", { alpha: Number.NaN }],
  ["alpha", { alpha: Number.POSITIVE_INFINITY }],
  ["ablation", { ablation: "median" }],
  ["means", { means: "both" }],
  ["order", { order: "upstream" }],
  ["seed", { seed: 1.5 }],
  ["seed", { seed: -1 }],
  ["threads", { threads: 0 }],
  ["threads", { threads: 2.5 }],
])("%s is refused: %j", (field, options) => {
  const attempt = () => checkExtractOptions(options as ExtractOptions);
  expect(attempt).toThrow(PithError);
  expect(attempt).toThrow(new RegExp(`^"${field}": is .*, but must be `));
  try {
    attempt();
  } catch (error) {
    expect(error).toMatchObject({ code: "options", place: { field } });
  }
});
