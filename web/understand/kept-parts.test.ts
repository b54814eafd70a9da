import { expect, test } from "vitest";
import type { CircuitFile } from "../../src/export/circuit-file.ts";
import { allCells, differences, keptBy, keyOf, listsOf, toggled } from "./kept-parts.ts";

/** A circuit, of which no more is read here than its model's heads and what is kept. */
const circuit = {
  model: { heads: [2, 1] },
  heads: [
    [0, 1],
    [1, 0],
  ],
  mlps: [1],
} as unknown as CircuitFile;

test("all of the model's components, kept or not", () => {
  expect(allCells(circuit).map(keyOf)).toEqual(["0.head.0", "0.head.1", "0.mlp", "1.head.0", "1.mlp"]);
});

test("what is kept, by the map's keys, and back as lists", () => {
  const kept = keptBy(circuit);
  expect([...kept].sort()).toEqual(["0.head.1", "1.head.0", "1.mlp"]);
  expect(listsOf(kept)).toEqual({ heads: circuit.heads, mlps: circuit.mlps });
});

test("lists are ascending by number, not by text", () => {
  expect(listsOf(new Set(["10.mlp", "2.head.11", "2.head.3", "0.head.5", "9.mlp"]))).toEqual({
    heads: [
      [0, 5],
      [2, 3],
      [2, 11],
    ],
    mlps: [9, 10],
  });
});

test("a component is put in or taken out, and the set that was is not touched", () => {
  const kept = keptBy(circuit);
  const more = toggled(kept, "0.mlp");
  expect([kept.has("0.mlp"), more.has("0.mlp")]).toEqual([false, true]);
  expect(toggled(more, "0.mlp")).toEqual(kept);
});

test("differences count what is only in one, on either side", () => {
  const kept = keptBy(circuit);
  expect(differences(kept, kept)).toBe(0);
  expect(differences(toggled(toggled(kept, "0.mlp"), "1.mlp"), kept)).toBe(2);
  expect(differences(new Set(), kept)).toBe(3);
});
