import fc from "fast-check";
import { expect, test } from "vitest";
import { componentDraw, componentDraws, shapeDraw } from "../../test/support/random-circuits.ts";
import {
  circuitKey,
  circuitOf,
  circuitOfLists,
  componentsOf,
  countComponents,
  countKept,
  keeps,
  keepsMlp,
  keptHeads,
  listsOf,
  sameCircuit,
  unionOf,
  wholeCircuit,
  withComponents,
  without,
} from "./circuit.ts";
import { type Component, compareComponents, componentsOfModel, nameInModel } from "./component.ts";

// Layer 0 keeps heads 2 and 11, layer 2 its MLP alone, layer 3 head 0 and its MLP.
const circuit = circuitOfLists({
  heads: [
    [0, 2],
    [0, 11],
    [3, 0],
  ],
  mlps: [2, 3],
});

test("what a circuit keeps", () => {
  expect(componentsOf(circuit).map(nameInModel)).toEqual([
    "0.head.2",
    "0.head.11",
    "2.mlp",
    "3.head.0",
    "3.mlp",
  ]);
  expect([0, 1, 2, 3, 4].map((layer) => keptHeads(circuit, layer))).toEqual([[2, 11], [], [], [0], []]);
  expect([0, 1, 2, 3, 4].map((layer) => keepsMlp(circuit, layer))).toEqual([false, false, true, true, false]);
  expect(keeps(circuit, { kind: "head", layer: 0, head: 11 })).toBe(true);
  expect(keeps(circuit, { kind: "head", layer: 0, head: 1 })).toBe(false);
  expect(keeps(circuit, { kind: "mlp", layer: 0 })).toBe(false);
  expect(countKept(circuit)).toEqual({ head: 3, mlp: 2 });
  expect(countComponents(circuit)).toBe(5);
});

test("the lists for files", () => {
  expect(listsOf(circuit)).toEqual({
    heads: [
      [0, 2],
      [0, 11],
      [3, 0],
    ],
    mlps: [2, 3],
  });
});

test("the key that journals hold", () => {
  expect(circuitKey(circuit)).toBe("0.2 0.11 3.0 2.mlp 3.mlp");
  expect(circuitKey(circuitOf([]))).toBe("");
});

test("order and repetition make no difference", () => {
  const shuffled = circuitOfLists({
    heads: [
      [3, 0],
      [0, 11],
      [0, 2],
      [0, 11],
    ],
    mlps: [3, 2, 3],
  });
  expect(shuffled).toEqual(circuit);
  expect(sameCircuit(shuffled, circuit)).toBe(true);
});

test("less and more", () => {
  const layer3: Component[] = [
    { kind: "head", layer: 3, head: 0 },
    { kind: "mlp", layer: 3 },
  ];
  const rest = without(circuit, layer3);
  expect(circuitKey(rest)).toBe("0.2 0.11 2.mlp");
  expect(circuitKey(withComponents(rest, [{ kind: "head", layer: 0, head: 3 }]))).toBe("0.2 0.3 0.11 2.mlp");
  expect(unionOf([rest, circuitOf(layer3)])).toEqual(circuit);
  expect(sameCircuit(rest, circuit)).toBe(false);
});

test("a whole model, some of whose layers lack parts", () => {
  const whole = wholeCircuit([
    { heads: [0, 1], mlp: true },
    { heads: [], mlp: false },
    { heads: [4], mlp: false },
  ]);
  expect(circuitKey(whole)).toBe("0.0 0.1 2.4 0.mlp");
});

test("a layer's number may be anything: it takes no room", () => {
  expect(circuitKey(circuitOfLists({ heads: [[2 ** 50, 2 ** 51]], mlps: [] }))).toBe(`${2 ** 50}.${2 ** 51}`);
});

test("a circuit is the set of its components", () => {
  fc.assert(
    fc.property(componentDraws, (components) => {
      const drawn = circuitOf(components);
      const names = new Set(components.map(nameInModel));
      expect(new Set(componentsOf(drawn).map(nameInModel))).toEqual(names);
      expect(countComponents(drawn)).toBe(names.size);
      expect([...componentsOf(drawn)].sort(compareComponents)).toEqual(componentsOf(drawn));
      expect(circuitOf(componentsOf(drawn))).toEqual(drawn);
      expect(circuitOfLists(listsOf(drawn))).toEqual(drawn);
      expect(structuredClone(drawn)).toEqual(drawn);
      for (const component of componentsOf(drawn)) expect(keeps(drawn, component)).toBe(true);
    }),
  );
});

test("without takes out what it is given, and nothing else", () => {
  fc.assert(
    fc.property(componentDraws, componentDraws, componentDraw, (kept, gone, asked) => {
      const before = circuitOf(kept);
      const rest = without(before, gone);
      const isGone = keeps(circuitOf(gone), asked);
      expect(keeps(rest, asked)).toBe(keeps(before, asked) && !isGone);
      expect(unionOf([rest, circuitOf(gone)])).toEqual(unionOf([before, circuitOf(gone)]));
      expect(without(rest, gone)).toEqual(rest);
      expect(without(before, [])).toEqual(before);
      expect(without(before, kept)).toEqual(circuitOf([]));
    }),
  );
});

test("keys, values and sets agree on which circuits are the same", () => {
  fc.assert(
    fc.property(componentDraws, componentDraws, (these, those) => {
      const [one, other] = [circuitOf(these), circuitOf(those)];
      const names = (components: readonly Component[]) =>
        [...new Set(components.map(nameInModel))].sort().join();
      const same = names(these) === names(those);
      expect(sameCircuit(one, other)).toBe(same);
      expect(circuitKey(one) === circuitKey(other)).toBe(same);
      expect(JSON.stringify(one) === JSON.stringify(other)).toBe(same);
    }),
  );
});

test("a whole circuit keeps the model's components", () => {
  fc.assert(
    fc.property(shapeDraw, (shape) => {
      expect(componentsOf(wholeCircuit(shape))).toEqual(componentsOfModel(shape));
    }),
  );
});
