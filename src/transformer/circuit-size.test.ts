import { expect, test } from "vitest";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import { circuitOf, circuitOfLists, componentsOf, wholeCircuit } from "./circuit.ts";
import { bodyShare, circuitSize, freedSize } from "./circuit-size.ts";
import { shapeOf } from "./component.ts";

// A head has W_Q, W_K, W_V and W_O of 4 × 3; an MLP has two matrices of 4 × 5.
const model = randomTransformer({ layers: 2, heads: 2, headWidth: 3, width: 4, hidden: 5 });
const whole = wholeCircuit(shapeOf(model));
const [head, mlp] = [4 * 4 * 3, 2 * 4 * 5];

test("sizes by hand", () => {
  expect(circuitSize(model, whole)).toBe(4 * head + 2 * mlp);
  expect(circuitSize(model, circuitOf([]))).toBe(0);
  const circuit = circuitOfLists({ heads: [[0, 1]], mlps: [1] });
  expect(circuitSize(model, circuit)).toBe(head + mlp);
  expect(bodyShare(model, circuit)).toBe((head + mlp) / (4 * head + 2 * mlp));
});

test("a neuron has a column of each matrix in, and a row of the matrix out", () => {
  const circuit = circuitOfLists({ heads: [], mlps: [1], neurons: [[0, [1, 3]]] });
  const neuron = (layer: number, index: number) => ({ kind: "neuron", layer, neuron: index }) as const;
  expect(circuitSize(model, circuit)).toBe(2 * 2 * 4 + mlp);
  expect(freedSize(model, circuit, neuron(0, 3))).toBe(2 * 4);
  expect(freedSize(model, circuit, neuron(0, 2))).toBe(0);
  expect(freedSize(model, circuit, neuron(1, 2))).toBe(2 * 4);
  expect(freedSize(model, circuit, { kind: "mlp", layer: 0 })).toBe(2 * 2 * 4);
  const gated = randomTransformer({ layers: 1, width: 4, hidden: 5, gated: true });
  expect(freedSize(gated, wholeCircuit(shapeOf(gated)), neuron(0, 0))).toBe(3 * 4);
});

test("where a norm takes all heads together, a pruned head's part of W_Q and W_K stays", () => {
  const joint = randomTransformer({
    ...{ layers: 1, heads: 4, keyValueHeads: 2, headWidth: 3, width: 4, hidden: 5 },
    ...{ norm: "rms", projectionNorms: "joint" },
  });
  // W_Q and W_K whole; one head's W_V and W_O.
  const circuit = circuitOfLists({ heads: [[0, 1]], mlps: [] });
  expect(circuitSize(joint, circuit)).toBe(4 * 4 * 3 + 2 * 4 * 3 + 2 * 4 * 3);
  // Its query and key serve nobody once no head is left.
  expect(freedSize(joint, circuit, { kind: "head", layer: 0, head: 1 })).toBe(circuitSize(joint, circuit));
});

test("a component frees its own size, and nothing if the circuit lacks it", () => {
  const circuit = circuitOfLists({ heads: [[0, 1]], mlps: [1] });
  expect(componentsOf(circuit).map((each) => freedSize(model, circuit, each))).toEqual([head, mlp]);
  expect(freedSize(model, circuit, { kind: "head", layer: 0, head: 0 })).toBe(0);
  expect(componentsOf(whole).map((each) => freedSize(model, whole, each))).toEqual([
    ...[head, head, mlp],
    ...[head, head, mlp],
  ]);
});
