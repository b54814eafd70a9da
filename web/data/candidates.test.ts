import { expect, test } from "vitest";
import { candidateOrder, cellTitle } from "./candidates.ts";

const namesOf = (...args: Parameters<typeof candidateOrder>) =>
  candidateOrder(...args).map(({ layer, component }) => `${layer}.${component}`);

test("layers last to first; in a layer heads, then the MLP", () => {
  expect(namesOf([2, 1], { mlps: true, order: "published" })).toEqual([
    ...["1.head.0", "1.mlp", "0.head.0", "0.head.1", "0.mlp"],
  ]);
});

test("downstream the MLP comes first", () => {
  expect(namesOf([2, 1], { mlps: true, order: "downstream" })).toEqual([
    ...["1.mlp", "1.head.0", "0.mlp", "0.head.0", "0.head.1"],
  ]);
});

test("MLPs that stay are not tried", () => {
  expect(namesOf([1, 1], { mlps: false, order: "published" })).toEqual(["1.head.0", "0.head.0"]);
});

test("titles as people read them", () => {
  expect(cellTitle({ layer: 5, component: "head.4" })).toBe("head 5.4");
  expect(cellTitle({ layer: 3, component: "mlp" })).toBe("MLP 3");
});
