/** Searches whose every number was worked out by hand; the model is described in test/support/micro-model.ts. */
import { afterAll, describe, expect, test } from "vitest";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { logProbabilities } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { A, B, C, h2, microModel, times } from "./support/micro-model.ts";
import { found, originalLogits } from "./support/run-model.ts";
import { makeReplacements, runSearch } from "./support/run-search.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const model = microModel();

/**
 * The unpruned model at the last position, which holds A = (3, 0):
 *   prompt   z of head 0 and 1    after attention             hidden                  end       P(A)
 *   C A      ½, ½                 (3 − 6, 4 − 4) = (−3, 0)    relu(−5 − 4) = 0        (−3, 4)   2/3
 *   B A      0, 0                 (3, −4)                     relu(5·3/5 − 4) = 0     (3, 0)    1/2
 */
const validation = [
  [C, A],
  [B, A],
];

/**
 * Head 0 writes, at the two positions: A A: 8, 8; B A: −8, 0. Means 0 and 4 (aligned), 2 (pooled), times h2.
 * Head 1 sees no C and writes nothing. The MLP reads (3, 4), (3, 4) and (−3, −12), (3, −4): its first
 * coordinate is never above 4/5, so all it writes is b_2 = (0, 4).
 */
const patching = [
  [A, A],
  [B, A],
];

/** KL between two chances of A. */
const kl = (p: number, q: number) => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
const [third, half, twoThirds] = [1 / 3, 1 / 2, 2 / 3];

/** Where the KLs of both prompts are given, the two changes of A's chance. */
const both = (ofCA: number, ofBA: number) => (kl(twoThirds, ofCA) + kl(half, ofBA)) / 2;

/** Between 0.0578, that of losing the MLP, and 0.0872, that of losing head 0 after it. */
const alpha = 0.06;

function expectTrace(
  trace: readonly Decision[],
  expected: readonly (readonly [component: string, kl: number, delta: number, pruned: boolean])[],
): void {
  expect(trace.map(({ layer, component, pruned }) => [layer, component, pruned])).toEqual(
    expected.map(([component, , , pruned]) => [0, component, pruned]),
  );
  for (const [step, [, value, delta]] of expected.entries()) {
    expect(Math.abs(found(trace[step]).kl - value)).toBeLessThan(1e-6);
    expect(Math.abs(found(trace[step]).delta - delta)).toBeLessThan(1e-6);
  }
}

test("the unpruned model", async () => {
  const chances = (await originalLogits(runtime, model, validation)).map((row) =>
    Math.exp(found(logProbabilities(row)[A])),
  );
  expect(Math.abs(found(chances[0]) - twoThirds)).toBeLessThan(1e-6);
  expect(Math.abs(found(chances[1]) - half)).toBeLessThan(1e-6);
});

test("means", async () => {
  const aligned = await makeReplacements(runtime, model, "aligned", patching);
  const pooled = await makeReplacements(runtime, model, "pooled", patching);
  const values = (constant: { readonly values: Float64Array }) => Array.from(constant.values, (x) => x + 0);
  const close = (actual: readonly number[], expected: readonly number[]) => {
    expect(actual).toHaveLength(expected.length);
    for (const [index, value] of actual.entries()) expect(value).toBeCloseTo(found(expected[index]), 5);
  };
  close(values(aligned.head(0, 0)), [...times(0, h2), ...times(4, h2)]);
  close(values(pooled.head(0, 0)), times(2, h2));
  close(values(aligned.head(0, 1)), [...times(0, h2), ...times(0, h2)]);
  close(values(aligned.mlp(0)), [...times(4, h2), ...times(4, h2)]);
  close(values(pooled.mlp(0)), times(4, h2));
});

describe("zero ablation", () => {
  const run = { ablation: "zero", patching, validation, alpha, mlps: true } as const;

  test("published order: both heads go, the MLP stays", async () => {
    const { circuit, trace } = await runSearch(runtime, model, { ...run, order: "published" });
    // Without head 0, b_O still there: C A (−3, −4) + b_2 = (−3, 0), 1/2; B A as before.
    const withoutHead0 = both(half, half);
    expect(withoutHead0).toBeCloseTo(((5 / 3) * Math.LN2 - Math.log(3)) / 2, 12);
    // Without head 1 too: C A (3, −4), whose hidden is relu(3 − 4) = 0; + b_2 = (3, 0): nothing changes.
    // Without the MLP too, and so without b_2: C A (3, −4) and B A (3, −4), 1/3 each.
    const withoutAll = both(third, third);
    expectTrace(trace, [
      ["head.0", withoutHead0, withoutHead0, true],
      ["head.1", withoutHead0, 0, true],
      ["mlp", withoutAll, withoutAll - withoutHead0, false],
    ]);
    expect(listsOf(circuit)).toEqual({ heads: [], mlps: [0] });
  });

  test("downstream order: the MLP and head 1 go, head 0 stays", async () => {
    const { circuit, trace, kl } = await runSearch(runtime, model, { ...run, order: "downstream" });
    // Without the MLP and its b_2: C A (−3, 0), 1/2; B A (3, −4), 1/3.
    const withoutMlp = both(half, third);
    // Without head 0 too: C A (−3, −4), 1/3.
    const withoutHead0 = both(third, third);
    // Without head 1 instead: C A (3, 0), 1/2 as before.
    expectTrace(trace, [
      ["mlp", withoutMlp, withoutMlp, true],
      ["head.0", withoutHead0, withoutHead0 - withoutMlp, false],
      ["head.1", withoutMlp, 0, true],
    ]);
    expect(listsOf(circuit)).toEqual({ heads: [[0, 0]], mlps: [] });
    expect(Math.abs(kl - withoutMlp)).toBeLessThan(1e-6);
  });

  test("heads only, and a threshold below every rise: only what does not matter goes", async () => {
    const options = { ...run, mlps: false, order: "published", alpha: 0.02 } as const;
    const { circuit, trace } = await runSearch(runtime, model, options);
    const withoutHead0 = both(half, half);
    // With head 0, head 1 matters: C A (3, 0), hidden relu(5 − 4) = 1, so − 8 + 4: (3, −4), 1/3.
    const withoutHead1 = both(third, half);
    expect(withoutHead1).toBeCloseTo(Math.LN2 / 6, 12);
    expectTrace(trace, [
      ["head.0", withoutHead0, withoutHead0, false],
      ["head.1", withoutHead1, withoutHead1, false],
    ]);
    expect(listsOf(circuit)).toEqual({
      heads: [
        [0, 0],
        [0, 1],
      ],
      mlps: [0],
    });
  });
});

test("mean ablation: head 0 and the MLP go, head 1 stays", async () => {
  const run = { ablation: "aligned", patching, validation, alpha, mlps: true, order: "published" } as const;
  const { circuit, trace } = await runSearch(runtime, model, run);
  // Head 0 becomes (0, 4): C A had just that. B A: (3, 0), hidden relu(5 − 4) = 1: (3, −8 + 4), 1/3.
  const withoutHead0 = both(twoThirds, third);
  expect(withoutHead0).toBeCloseTo(Math.log(9 / 8) / 4, 12);
  // Head 1 becomes nothing: C A (3, 0), hidden 1, (3, −4), 1/3.
  const withoutHead1 = both(third, third);
  // The MLP becomes (0, 4), head 1 still there: C A (−3, 4), 2/3; B A (3, 4), 2/3.
  const withoutMlp = both(twoThirds, twoThirds);
  expectTrace(trace, [
    ["head.0", withoutHead0, withoutHead0, true],
    ["head.1", withoutHead1, withoutHead1 - withoutHead0, false],
    ["mlp", withoutMlp, withoutMlp - withoutHead0, true],
  ]);
  // 1/2 against 1/3 and against 2/3 are equally far: losing the MLP costs nothing more.
  expect(withoutMlp).toBeCloseTo(withoutHead0, 12);
  expect(listsOf(circuit)).toEqual({ heads: [[0, 1]], mlps: [] });
});
