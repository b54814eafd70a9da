import fc from "fast-check";
import { expect, test } from "vitest";
import { PithError } from "../errors.ts";
import { knownCircuit, parseKnownCircuit } from "../known/known-circuits.ts";
import { assignKnown } from "./sweep-known.ts";
import { alphasOfUnit, logSpaced, planSweep, type SweepTask } from "./sweep-plan.ts";

const none = { patching: [], validation: [], test: [] };
const task = (name: string, seeds: readonly number[]): SweepTask => ({
  name,
  draws: seeds.map((seed) => ({ seed, encoded: { name, ...none } })),
  notes: [`${name} is noted`],
});
const settings = {
  ablations: ["mean", "zero"],
  mlps: [true, false],
  means: "aligned",
  order: "published",
} as const;

test("units come by task, ablation, MLPs and seed; thresholds ascend, each once", () => {
  const plan = planSweep([task("a", [3, 1]), task("b", [0])], { ...settings, alphas: [0.1, 0.01, 0.1] });
  expect(plan.units.map((unit) => [unit.task, unit.ablation, unit.mlps, unit.seed].join(" "))).toEqual([
    ...["a mean true 3", "a mean true 1", "a mean false 3", "a mean false 1"],
    ...["a zero true 3", "a zero true 1", "a zero false 3", "a zero false 1"],
    ...["b mean true 0", "b mean false 0", "b zero true 0", "b zero false 0"],
  ]);
  expect(plan.alphas).toEqual([0.01, 0.1]);
  expect(plan.notes).toEqual(["a is noted", "b is noted"]);
});

test("a task may have thresholds of its own", () => {
  const alphasOf = new Map([["b", [3, 0.1, 3]]]);
  const plan = planSweep([task("a", [0]), task("b", [0])], { ...settings, alphas: [0.1], alphasOf });
  const alphasByTask = new Set(
    plan.units.map((unit) => `${unit.task} ${alphasOfUnit(plan, unit).join(" ")}`),
  );
  expect([...alphasByTask]).toEqual(["a 0.1", "b 0.1 3"]);
  const wrong = { ...settings, alphas: [0.1], alphasOf: new Map([["b", [-1]]]) };
  expect(() => planSweep([task("b", [0])], wrong)).toThrow("-1 is not a positive number");
});

test.each([
  ["a threshold that is none", [task("a", [0])], [0.1, Number.NaN], "NaN is not a positive number"],
  ["no threshold", [task("a", [0])], [], "a threshold"],
  ["no seed", [task("a", [])], [0.1], "a seed at least"],
  ["two of one name", [task("a", [0]), task("a", [0])], [0.1], 'two tasks are called "a"'],
])("%s is refused", (_, tasks, alphas, message) => {
  expect(() => planSweep(tasks, { ...settings, alphas })).toThrow(PithError);
  expect(() => planSweep(tasks, { ...settings, alphas })).toThrow(message);
});

test("log-spaced thresholds keep both ends and one factor between neighbours", () => {
  const positive = fc.double({ min: 1e-9, max: 1e3, noNaN: true });
  fc.assert(
    fc.property(
      positive,
      fc.double({ min: 1.01, max: 1e6, noNaN: true }),
      fc.integer({ min: 2, max: 50 }),
      (from, ratio, count) => {
        const alphas = logSpaced(from, from * ratio, count);
        expect(alphas).toHaveLength(count);
        expect([alphas[0], alphas.at(-1)]).toEqual([from, from * ratio]);
        for (const [index, alpha] of alphas.entries()) {
          const before = alphas[index - 1];
          if (before !== undefined) expect(alpha / before).toBeCloseTo(ratio ** (1 / (count - 1)), 6);
        }
      },
    ),
  );
  expect(logSpaced(1e-5, 1, 6).map((alpha) => Number(alpha.toPrecision(12)))).toEqual([
    1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1,
  ]);
});

const gpt2 = Array.from({ length: 12 }, () => 12);
const own = parseKnownCircuit('{"heads": [[0, 1], [5, 5]]}', "mine.json");

test("a built-in list goes to its own task, a user's to the only one", () => {
  const assigned = assignKnown([knownCircuit("ioi"), knownCircuit("acronyms")], ["acronyms", "ioi"], gpt2);
  expect([...assigned].map(([name, { id }]) => [name, id])).toEqual([
    ["ioi", "ioi/23"],
    ["acronyms", "acronyms/8"],
  ]);
  expect(assignKnown([own], ["any"], [6, 6, 6, 6, 6, 6]).get("any")).toBe(own);
});

test.each([
  [
    "GPT-2 small's list, another model",
    [knownCircuit("ioi")],
    ["ioi"],
    [6, 6],
    "is of GPT-2 small, 12 layers of 12 heads; this model has 2 layers of 6",
  ],
  [
    "another task's list",
    [knownCircuit("ioi")],
    ["acronyms"],
    gpt2,
    "ioi/23 is a circuit of ioi, which is not swept",
  ],
  [
    "two of one task",
    [knownCircuit("ioi"), knownCircuit("ioi/26")],
    ["ioi"],
    gpt2,
    "ioi/23 and ioi/26 are both of ioi",
  ],
  ["a file for several tasks", [own], ["a", "b"], gpt2, "mine could be of any of a, b"],
  ["a head too many", [own], ["a"], [6, 6], "5.5"],
])("%s is refused", (_, circuits, tasks, heads, message) => {
  expect(() => assignKnown(circuits, tasks, heads)).toThrow(PithError);
  expect(() => assignKnown(circuits, tasks, heads)).toThrow(message);
});
