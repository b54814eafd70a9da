import fc from "fast-check";
import { expect, test } from "vitest";
import { type Circuit, circuitOfLists, countComponents, listsOf } from "../transformer/circuit.ts";
import { chanceJaccard, frequencyOf, frequentCircuit, jaccardIndex, stabilityOf } from "./stability.ts";

const set = (text: string) => new Set(text.split(" ").filter(Boolean));

test("Jaccard by hand", () => {
  expect(jaccardIndex(set("a b c"), set("b c d"))).toBe(2 / 4);
  expect(jaccardIndex(set("a b"), set("a b"))).toBe(1);
  expect(jaccardIndex(set("a b"), set("c"))).toBe(0);
  expect(jaccardIndex(set(""), set("c"))).toBe(0);
  expect(jaccardIndex(set(""), set(""))).toBe(1);
});

test("chance by hand", () => {
  // Two singletons of four: equal in a quarter of the cases.
  expect(chanceJaccard(1, 1, 4)).toBeCloseTo(1 / 4, 12);
  // Two pairs of four: equal 1/6, one in common 4/6 (index 1/3), none 1/6.
  expect(chanceJaccard(2, 2, 4)).toBeCloseTo(1 / 6 + (4 / 6) * (1 / 3), 12);
  // Three of four and two of four: they have one (P = 1/2, index 1/4) or two (P = 1/2, index 2/3) in common.
  expect(chanceJaccard(3, 2, 4)).toBeCloseTo(0.5 * 0.25 + 0.5 * (2 / 3), 12);
  expect(chanceJaccard(4, 4, 4)).toBe(1);
  expect(chanceJaccard(0, 0, 4)).toBe(1);
  expect(chanceJaccard(0, 3, 4)).toBe(0);
  expect(() => chanceJaccard(5, 1, 4)).toThrow(RangeError);
  // Beyond what a binomial in floats can hold; far from the ends the index concentrates at 1/3.
  expect(chanceJaccard(1500, 1500, 3000)).toBeCloseTo(1 / 3, 3);
});

test("chance is what all pairs of subsets have on average", () => {
  const subsets = (n: number, size: number): readonly ReadonlySet<string>[] =>
    Array.from({ length: 2 ** n }, (_, bits) => [...Array(n).keys()].filter((at) => (bits >> at) & 1))
      .filter(({ length }) => length === size)
      .map((members) => new Set(members.map(String)));
  for (const [a, b, n] of [
    [2, 3, 5],
    [4, 4, 6],
    [1, 6, 7],
  ] as const) {
    const pairs = subsets(n, a).flatMap((one) => subsets(n, b).map((other) => jaccardIndex(one, other)));
    const mean = pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
    expect(chanceJaccard(a, b, n)).toBeCloseTo(mean, 12);
  }
});

test("where neurons were on trial, MLPs are compared neuron by neuron", () => {
  const part = circuitOfLists({ heads: [[0, 0]], mlps: [], neurons: [[0, [0, 1, 2]]] });
  const other = circuitOfLists({ heads: [[0, 0]], mlps: [], neurons: [[0, [2, 3]]] });
  const whole = circuitOfLists({ heads: [], mlps: [0] });
  const trial = { heads: [2], mlps: false, neurons: [10] };
  // A head and one neuron in common, of a head and four neurons.
  expect(stabilityOf([part, other], whole, trial).jaccard).toEqual({ components: 2 / 5, heads: 1 });
  // Of the whole MLP's ten neurons three, and two; one head besides.
  expect(stabilityOf([part, other], whole, trial).againstFull.components).toEqual([3 / 11, 2 / 11]);
  // Where MLPs were on trial, one that stays in part is kept.
  expect(stabilityOf([part, other], whole, { heads: [2], mlps: true }).jaccard.components).toBe(1);
});

const shape = { heads: [2, 1], mlps: true };
const runs: readonly Circuit[] = [
  circuitOfLists({
    heads: [
      [0, 1],
      [1, 0],
    ],
    mlps: [0],
  }),
  circuitOfLists({ heads: [[0, 1]], mlps: [0, 1] }),
  circuitOfLists({
    heads: [
      [0, 0],
      [0, 1],
    ],
    mlps: [],
  }),
  circuitOfLists({ heads: [[0, 1]], mlps: [0] }),
];

const frequentLists = (...args: Parameters<typeof frequentCircuit>) => listsOf(frequentCircuit(...args));

test("how often each component was kept, and the circuit of those kept often", () => {
  const frequency = frequencyOf(runs, shape);
  expect(frequency).toEqual({ heads: [[1 / 4, 1], [1 / 4]], mlps: [3 / 4, 1 / 4] });
  expect(frequentLists(frequency, 0.75)).toEqual({ heads: [[0, 1]], mlps: [0] });
  expect(frequentLists(frequency, 0.76)).toEqual({ heads: [[0, 1]], mlps: [] });
  expect(frequentLists(frequency, 0.25)).toEqual({
    heads: [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
    mlps: [0, 1],
  });
});

test("stability by hand: two runs and the full data's circuit", () => {
  const [one, other] = runs;
  if (one === undefined || other === undefined) throw new Error("no runs");
  const full: Circuit = circuitOfLists({ heads: [[0, 1]], mlps: [0] });
  const { jaccard, chance, againstFull } = stabilityOf([one, other], full, shape);
  // {0.1, 1.0, mlp 0} and {0.1, mlp 0, mlp 1}
  expect(jaccard).toEqual({ components: 2 / 4, heads: 1 / 2 });
  expect(againstFull).toEqual({ components: [2 / 3, 2 / 3], heads: [1 / 2, 1] });
  // Three and three of five have one (3/10, 1/5), two (6/10, 1/2) or three (1/10, 1) in common.
  expect(chance.components).toBeCloseTo(0.3 / 5 + 0.6 / 2 + 0.1, 12);
  // Two heads and one of three: in common in 2/3 of the cases, then 1/2.
  expect(chance.heads).toBeCloseTo(1 / 3, 12);
});

test("MLPs that were not on trial don't count", () => {
  const all = { heads: [2, 1], mlps: false };
  const kept = [0, 1];
  const result = stabilityOf(
    [circuitOfLists({ heads: [[0, 0]], mlps: kept }), circuitOfLists({ heads: [[0, 1]], mlps: kept })],
    circuitOfLists({ heads: [], mlps: kept }),
    all,
  );
  expect(result.jaccard).toEqual({ components: 0, heads: 0 });
  expect(result.chance.components).toBe(result.chance.heads);
  expect(result.frequency).toEqual({ heads: [[0.5, 0.5], [0]], mlps: [] });
  expect(frequentLists(result.frequency, 0.6)).toEqual({ heads: [], mlps: kept });
});

test("one run says nothing about stability", () => {
  expect(() => stabilityOf(runs.slice(0, 1), circuitOfLists({ heads: [], mlps: [] }), shape)).toThrow(
    RangeError,
  );
});

test("whatever the circuits: shares count runs, equal runs agree, and figures lie in 0 to 1", () => {
  const names = fc.subarray(["0.0", "0.1", "1.0", "1.1", "1.2"]);
  const circuit = fc.record({ heads: names, mlps: fc.subarray([0, 1]) }).map(
    ({ heads, mlps }): Circuit =>
      circuitOfLists({
        heads: heads.map((name) => {
          const [layer, head] = name.split(".").map(Number);
          return [layer ?? 0, head ?? 0];
        }),
        mlps,
      }),
  );
  const model = { heads: [2, 3], mlps: true };
  fc.assert(
    fc.property(fc.array(circuit, { minLength: 2, maxLength: 6 }), circuit, (some, full) => {
      const { frequency, jaccard, chance, againstFull } = stabilityOf(some, full, model);
      const shares = [...frequency.heads.flat(), ...frequency.mlps];
      const components = some.reduce((sum, each) => sum + countComponents(each), 0);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(components / some.length, 9);
      const figures = [jaccard, chance, againstFull].flatMap((each) => [each.components, each.heads].flat());
      for (const figure of [...shares, ...figures]) {
        expect(figure).toBeGreaterThanOrEqual(0);
        expect(figure).toBeLessThanOrEqual(1);
      }
      const equal = stabilityOf([full, full, full], full, model);
      expect(equal.jaccard).toEqual({ components: 1, heads: 1 });
      expect(frequentCircuit(equal.frequency, 1)).toEqual(full);
    }),
  );
});
