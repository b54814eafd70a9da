import fc from "fast-check";
import { expect, test } from "vitest";
import { componentDraws, neuronsDrawn, shapeDraw } from "../../test/support/random-circuits.ts";
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
  keptNeurons,
  listsOf,
  sameCircuit,
  unionOf,
  wholeCircuit,
  withComponents,
  without,
} from "./circuit.ts";
import {
  type Component,
  compareComponents,
  componentsOfModel,
  indicesBelow,
  nameInModel,
  shapeOfHeadCounts,
} from "./component.ts";

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
  expect(countKept(circuit)).toEqual({ head: 3, mlp: 2, neuron: 0 });
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

// Layer 1 keeps its whole MLP, layer 2 three of its neurons, layer 3 head 0 and one neuron.
const inPart = circuitOfLists({
  heads: [[3, 0]],
  mlps: [1, 2],
  neurons: [
    [3, [17]],
    [2, [40, 3, 4, 4]],
  ],
});
/** Four layers of two heads and 50 neurons. */
const shape = shapeOfHeadCounts([2, 2, 2, 2], [50, 50, 50, 50]);

test("an MLP that stays in part", () => {
  expect(componentsOf(inPart).map(nameInModel)).toEqual([
    "1.mlp",
    "2.neuron.3",
    "2.neuron.4",
    "2.neuron.40",
    "3.head.0",
    "3.neuron.17",
  ]);
  expect([0, 1, 2, 3].map((layer) => keptNeurons(inPart, layer))).toEqual([[], "all", [3, 4, 40], [17]]);
  expect([0, 1, 2, 3].map((layer) => keepsMlp(inPart, layer))).toEqual([false, true, true, true]);
  expect(keeps(inPart, { kind: "neuron", layer: 2, neuron: 4 })).toBe(true);
  expect(keeps(inPart, { kind: "neuron", layer: 2, neuron: 5 })).toBe(false);
  expect(keeps(inPart, { kind: "neuron", layer: 1, neuron: 5 })).toBe(true);
  expect(keeps(inPart, { kind: "mlp", layer: 2 })).toBe(true);
  expect(countKept(inPart)).toEqual({ head: 1, mlp: 3, neuron: 4 });
  expect(countComponents(inPart)).toBe(4);
  expect(listsOf(inPart)).toEqual({
    heads: [[3, 0]],
    mlps: [1, 2, 3],
    neurons: [
      [2, [3, 4, 40]],
      [3, [17]],
    ],
  });
  expect(circuitKey(inPart)).toBe("3.0 1.mlp 2.neurons.3-4,40 3.neurons.17");
});

test("an MLP none of whose neurons stays is pruned; one all of whose neurons stay is whole", () => {
  const layer = 2;
  const gone = [3, 4, 40].map((neuron): Component => ({ kind: "neuron", layer, neuron }));
  expect(circuitKey(without(inPart, gone))).toBe("3.0 1.mlp 3.neurons.17");
  expect(circuitOfLists({ heads: [], mlps: [2], neurons: [[2, []]] })).toEqual(circuitOf([]));
  const all = indicesBelow(50);
  const listed = circuitOfLists({ heads: [], mlps: [], neurons: [[2, all]] }, shape);
  expect(listed).toEqual(circuitOfLists({ heads: [], mlps: [2] }));
  expect(withComponents(inPart, [{ kind: "mlp", layer }])).toEqual(
    unionOf([inPart, circuitOf(all.map((neuron) => ({ kind: "neuron", layer, neuron })))], shape),
  );
  const less = without(listed, [{ kind: "neuron", layer, neuron: 7 }], shape);
  expect(keptNeurons(less, layer)).toEqual(all.filter((neuron) => neuron !== 7));
  expect(() => without(listed, [{ kind: "neuron", layer, neuron: 7 }])).toThrow(
    "how many neurons layer 2 has",
  );
});

/** Five layers of five neurons; an MLP is its neurons. */
const drawnShape = shapeOfHeadCounts([0, 0, 0, 0, 0], Array(5).fill(neuronsDrawn));
const atoms = (components: readonly Component[]): ReadonlySet<string> =>
  new Set(
    components
      .flatMap((component): readonly Component[] =>
        component.kind === "mlp"
          ? indicesBelow(neuronsDrawn).map((neuron) => ({ kind: "neuron", layer: component.layer, neuron }))
          : [component],
      )
      .map(nameInModel),
  );

test("a circuit is the set of its components", () => {
  fc.assert(
    fc.property(componentDraws, (components) => {
      const drawn = circuitOf(components, drawnShape);
      expect(atoms(componentsOf(drawn))).toEqual(atoms(components));
      expect([...componentsOf(drawn)].sort(compareComponents)).toEqual(componentsOf(drawn));
      expect(circuitOf(componentsOf(drawn))).toEqual(drawn);
      expect(circuitOfLists(listsOf(drawn))).toEqual(drawn);
      expect(structuredClone(drawn)).toEqual(drawn);
      for (const component of components) expect(keeps(drawn, component)).toBe(true);
    }),
  );
});

test("without takes out what it is given, and nothing else", () => {
  fc.assert(
    fc.property(componentDraws, componentDraws, (kept, gone) => {
      const before = circuitOf(kept, drawnShape);
      const rest = without(before, gone, drawnShape);
      const left = [...atoms(kept)].filter((name) => !atoms(gone).has(name));
      expect(atoms(componentsOf(rest))).toEqual(new Set(left));
      const other = circuitOf(gone, drawnShape);
      expect(unionOf([rest, other], drawnShape)).toEqual(unionOf([before, other], drawnShape));
      expect(without(rest, gone, drawnShape)).toEqual(rest);
      expect(without(before, [], drawnShape)).toEqual(before);
      expect(without(before, kept, drawnShape)).toEqual(circuitOf([]));
    }),
  );
});

test("keys, values and sets agree on which circuits are the same", () => {
  fc.assert(
    fc.property(componentDraws, componentDraws, (these, those) => {
      const [one, other] = [circuitOf(these, drawnShape), circuitOf(those, drawnShape)];
      const names = (components: readonly Component[]) => [...atoms(components)].sort().join();
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
