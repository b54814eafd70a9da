import { expect, test } from "vitest";
import { z } from "zod";
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { type StabilityRecord, stabilityFault, stabilityShape } from "./stability-record.ts";

const full = circuitOfLists({ heads: [[0, 0]], mlps: [1] });
const half = circuitOfLists({
  heads: [
    [0, 0],
    [0, 1],
  ],
  mlps: [0, 1],
});

const record: StabilityRecord = {
  runs: 2,
  seed: 0,
  jaccard: { components: 0.5, heads: 0.5 },
  chance: { components: 0.4, heads: 0.4 },
  againstFull: { components: [1, 0.5], heads: [1, 0.5] },
  frequency: { heads: [[1, 0.5], [0]], mlps: [0.5, 1] },
  full: { kept: full, kl: 0.1 },
};
const shape = { heads: [2, 1], mlps: true };
const schema = z.object(stabilityShape);
const faultOf = (changed: Partial<StabilityRecord>, circuit: Circuit = full, decisions = 5, model = shape) =>
  stabilityFault({ ...record, ...changed }, model, circuit, decisions)?.field;

test("a record that agrees with itself and its circuit", () => {
  const { full: _, ...shares } = record;
  expect(schema.parse(record)).toEqual(shares);
  expect(faultOf({})).toBeUndefined();
  expect(faultOf({ chosen: 0.5 }, half, 0)).toBeUndefined();
});

test("what does not agree is named", () => {
  expect(faultOf({}, half)).toBe("full");
  expect(faultOf({ chosen: 0.6 }, half, 0)).toBe("chosen");
  expect(faultOf({ chosen: 0.5 }, half, 5)).toBe("chosen");
  expect(faultOf({ runs: 3 })).toBe("againstFull.components");
  expect(faultOf({ againstFull: { components: [1, 1], heads: [1] } })).toBe("againstFull.heads");
  expect(faultOf({ frequency: { heads: [[1, 0.5]], mlps: [0, 1] } })).toBe("frequency.heads");
  expect(faultOf({ frequency: { heads: [[1], [0.5, 0]], mlps: [0, 1] } })).toBe("frequency.heads");
  expect(faultOf({ frequency: { heads: [[1, 0.5], [0]], mlps: [1] } })).toBe("frequency.mlps");
  expect(faultOf({}, full, 5, { ...shape, mlps: false })).toBe("frequency.mlps");
});

test("shares are shares, and one run is none", () => {
  for (const broken of [
    { runs: 1 },
    { jaccard: { components: 1.2, heads: 1 } },
    { frequency: { heads: [[-0.1, 0], [0]], mlps: [0, 0] } },
    { chosen: 2 },
  ]) {
    expect(schema.safeParse({ ...record, ...broken }).success).toBe(false);
  }
});
