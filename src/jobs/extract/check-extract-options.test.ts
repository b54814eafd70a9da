import { expect, test } from "vitest";
import { PithError } from "../../errors.ts";
import { checkExtractOptions } from "./check-extract-options.ts";
import { defaultExtractOptions, type ExtractOptions } from "./extract-options.ts";

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
  ["constants", { constants: "median" }],
  ["means", { means: "both" }],
  ["order", { order: "upstream" }],
  ["seed", { seed: 1.5 }],
  ["seed", { seed: -1 }],
  ["threads", { threads: 0 }],
  ["threads", { threads: 2.5 }],
  ["bootstrap", { bootstrap: 1 }],
  ["bootstrap", { bootstrap: 2.5 }],
  ["frequency", { bootstrap: 20, frequency: 0 }],
  ["frequency", { bootstrap: 20, frequency: 1.01 }],
  ["frequency", { bootstrap: 20, frequency: Number.NaN }],
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

test.each<[ExtractOptions, RegExp]>([
  [{ ablation: "zero", constants: "fitted" }, /fits constants that begin as means/],
  [{ memory: 1e9, constants: "fitted" }, /can't go with memory/],
  [{ constants: "joint" }, /the search named greedy trains no masks/],
  [{ constants: "joint", search: { name: "iterative" } }, /the search named iterative trains no masks/],
  [
    { constants: "joint", search: { name: "learned" }, target: { kind: "accuracy", value: 0.9 } },
    /can't go with target-accuracy/,
  ],
])("constants that can't be fitted are refused: %j", (options, message) => {
  expect(() => checkExtractOptions(options)).toThrow(message);
  const { constants: _, ...others } = options;
  expect(() => checkExtractOptions(others)).not.toThrow();
});

test("a frequency needs runs that it is a share of", () => {
  expect(() => checkExtractOptions({ frequency: 0.5 })).toThrow(
    /^"frequency": .*there are none\. .*bootstrap 20/,
  );
  expect(checkExtractOptions({ bootstrap: 2, frequency: 1 })).toMatchObject({ bootstrap: 2, frequency: 1 });
});

test("errors call options what the caller calls them", () => {
  const name = (option: string) => `--${option.toLowerCase()}`;
  const check = (options: ExtractOptions) => () => checkExtractOptions(options, name);
  const target = { kind: "size", value: 0.2 } as const;
  expect(check({ target, maxKl: 0.1 })).toThrow(/^"--target-size": can't go with --maxkl/);
  expect(check({ target, alpha: 0.1 })).toThrow(/^"--target-size": can't go with --alpha/);
  expect(check({ frequency: 0.5 })).toThrow(/^"--frequency": .* --bootstrap 20/);
  expect(check({ maxKl: -1 })).toThrow(/^"--maxkl": is -1/);
});

test("targets: what they may be and what they can't go with", () => {
  const refused: readonly (readonly [ExtractOptions, RegExp])[] = [
    [{ target: { kind: "accuracy", value: 0 } }, /"target-accuracy": is 0, but must be a share above 0/],
    [{ target: { kind: "accuracy", value: 1.1 } }, /"target-accuracy"/],
    [{ target: { kind: "accuracy", value: Number.NaN } }, /"target-accuracy": is NaN/],
    [{ target: { kind: "kl", value: -1 } }, /"target-kl"/],
    [{ target: { kind: "kl", value: Number.POSITIVE_INFINITY } }, /"target-kl"/],
    [{ target: { kind: "size", value: 1.5 } }, /"target-size"/],
    [{ target: { kind: "accuracy", value: 0.9 }, alpha: 0.02 }, /can't go with alpha/],
    [{ target: { kind: "accuracy", value: 0.9 }, passes: 2 }, /can't go with passes/],
    [{ target: { kind: "accuracy", value: 0.9 }, bootstrap: 20 }, /can't go with bootstrap/],
    [{ target: { kind: "kl", value: 0.9 }, maxKl: 1 }, /can't go with maxKl/],
    [{ search: { name: "learned", options: { maxKl: 0.3 } } }, /counts beside target-accuracy alone/],
    [{ maxKl: -0.1 }, /"maxKl": is -0\.1/],
    [{ maxKl: Number.NaN }, /"maxKl": is NaN/],
    [{ passes: 0 }, /"passes": is 0/],
    [{ passes: 1.5 }, /"passes": is 1\.5/],
  ];
  for (const [options, message] of refused) {
    expect(() => checkExtractOptions(options)).toThrow(message);
    expect(() => checkExtractOptions(options)).toThrow(PithError);
  }
  const target = { kind: "accuracy", value: 0.99 } as const;
  expect(checkExtractOptions({ target, maxKl: 0.1 })).toMatchObject({ target, maxKl: 0.1, passes: 1 });
});
