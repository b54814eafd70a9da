import { expect, test } from "vitest";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { TargetRecord } from "../export/target-record.ts";
import { circuitOfLists } from "../transformer/circuit.ts";
import { targetRows, targetText } from "./terminal-target.ts";

const record: TargetRecord = {
  kind: "accuracy",
  value: 0.99,
  reached: { accuracy: 0.9933, kl: 0.4572, size: 0.157 },
  original: { accuracy: 1 },
  evaluations: 313,
  candidates: 42,
  alpha: 0.003,
  settled: true,
  tried: [
    { alpha: 0.003, heads: 12, mlps: 4, size: 0.556, kl: 0.0204, accuracy: 1, holds: true },
    { alpha: 0.03, heads: 3, mlps: 1, size: 0.14, kl: 0.8, accuracy: 0.7, holds: false },
    { alpha: 0.02, heads: 9, mlps: 3, size: 0.417, kl: 0.19, accuracy: 0.98, holds: false },
  ],
};

/** As much of a circuit file as is told here. */
const circuit = (
  target: TargetRecord | undefined,
  test?: { original: number; circuit: number },
  search = "target",
) =>
  ({
    target,
    search: { name: search },
    kept: circuitOfLists({ heads: [[0, 1]], mlps: [0] }),
    metrics: { accuracy: test === undefined ? {} : { test } },
    task: { examples: { patching: 9, validation: 150, test: test === undefined ? 0 : 150 } },
  }) as unknown as CircuitFile;

const told = (target: TargetRecord, test?: { original: number; circuit: number }) =>
  targetRows(circuit(target, test)).flat().join("\n");

test("a circuit of one α has nothing to tell", () => {
  expect(targetRows(circuit(undefined))).toEqual([]);
});

test("the target, what was reached, and how sure that is", () => {
  const text = told(record, { original: 1, circuit: 1 });
  expect(text).toContain("for an accuracy of 99.0 % or more");
  expect(text).toContain("accuracy 99.3 %");
  // 150 of 150: from 150 / (150 + 1.96²).
  expect(text).toContain("between 97.5 % and 100.0 %");
  expect(text).toContain("each of the 2 components was taken out alone and breaks the target");
  // The smaller circuit that failed, not the larger one.
  expect(text).toContain("α = 0.03 (14.0 % of the body) 70.0 %");
  expect(text).not.toContain("α = 0.02");
  expect(text).toContain("313 evaluations, as many as 7.5 searches");
});

test("where nothing could be spared it says that the whole model is shipped", () => {
  const whole = { ...record, reached: { ...record.reached, size: 1 } };
  expect(told(whole)).toContain("nothing can go");
  expect(told(whole)).toContain("the circuit is the whole model");
  expect(told(record)).not.toContain("nothing can go");
});

test("without test prompts no interval; out of evaluations it says so", () => {
  expect(told(record)).not.toContain("Wilson");
  expect(told({ ...record, settled: false })).toContain("ran out before every single change was tried");
});

test("the other targets", () => {
  expect(targetText({ ...record, kind: "kl", value: 0.1 })).toBe("for a KL of 0.1 nats or less");
  expect(targetText({ ...record, kind: "size", value: 0.2 })).toBe("for 20.0 % of the body or less");
  expect(told({ ...record, kind: "size" })).toContain("none lowers KL");
});

test("a search by gates says what it tried, and that it judged whole circuits", () => {
  const byGates = (target: TargetRecord, search: string) =>
    targetRows(circuit(target, undefined, search))
      .flat()
      .join("\n");
  const learned = byGates({ ...record, tried: [], evaluations: 40 }, "learned");
  expect(learned).toContain("no single head or MLP, and no block of eight neurons, could go in the end");
  expect(learned).toContain("40 circuits evaluated");
  const ranked = byGates({ ...record, tried: [], settled: false, evaluations: 0 }, "ranked");
  expect(ranked).toContain("a cut along a ranking");
  expect(ranked).not.toContain("evaluated");
});
