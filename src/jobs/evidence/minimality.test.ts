import { expect, test } from "vitest";
import { circuitOfLists } from "../../transformer/circuit.ts";
import { shapeOfHeadCounts } from "../../transformer/component.ts";
import { budgetOf, tryEach } from "./minimality.ts";

const search = (name: string, options: object) => ({ name, options: { ...options }, trace: [] });
const target = (kind: "accuracy" | "kl" | "size", value: number) => ({
  ...{ kind, value, reached: { kl: 0, size: 1 }, original: {}, evaluations: 0, candidates: 0 },
  ...{ settled: true, tried: [] },
});

test("the budget is the search's own rule, with its bound on KL", () => {
  expect(budgetOf({ search: search("greedy", { alpha: 0.02 }) })).toEqual({ kind: "growth", value: 0.02 });
  expect(budgetOf({ search: search("greedy", { alpha: 0.02, maxKl: 0.3 }) })).toEqual({
    ...{ kind: "growth", value: 0.02, maxKl: 0.3 },
  });
  expect(budgetOf({ search: search("target", { maxKl: 0.3 }), target: target("accuracy", 0.9) })).toEqual({
    ...{ kind: "accuracy", value: 0.9, maxKl: 0.3 },
  });
  expect(budgetOf({ search: search("learned", { alpha: 0.02 }), target: target("kl", 0.1) })).toEqual({
    ...{ kind: "kl", value: 0.1 },
  });
  expect(budgetOf({ search: search("target", {}), target: target("size", 0.2) })).toEqual({ kind: "none" });
});

test("a search by gates names α for the circuit that it compares with: it is no rule for single parts", () => {
  expect(budgetOf({ search: search("learned", { alpha: 0.02 }) })).toEqual({ kind: "none" });
});

test("a part that the growth lets go stays where KL would pass its bound", async () => {
  const circuit = circuitOfLists({ heads: [[0, 0]], mlps: [] });
  const parts = { tried: [{ kind: "head", layer: 0, head: 0 }] as const, untried: 0 };
  const assess = async (measured: typeof circuit) => ({
    ...{ size: 1, accuracy: 1, answers: 1, logitDifference: undefined },
    kl: measured === circuit ? 0.29 : 0.3,
  });
  const removable = async (maxKl: number) => {
    const budget = { kind: "growth", value: 0.02, maxKl } as const;
    const { tried } = await tryEach(circuit, shapeOfHeadCounts([1]), parts, budget, assess);
    return tried.map((each) => each.removable);
  };
  expect(await removable(0.31)).toEqual([true]);
  expect(await removable(0.295)).toEqual([false]);
});
