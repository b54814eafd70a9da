import fc from "fast-check";
import { expect, test } from "vitest";
import { componentDraw, shapeDraw } from "../../test/support/random-circuits.ts";
import { randomTransformer } from "../../test/support/random-transformer.ts";
import {
  type Component,
  compareComponents,
  componentInWords,
  componentOf,
  componentsOfModel,
  componentsOnTrial,
  componentTitle,
  type LayerShape,
  layerHas,
  modelHas,
  nameInLayer,
  nameInModel,
  neuronCountsOf,
  parseComponent,
  parseRecord,
  recordOf,
  shapeOf,
  shapeOfHeadCounts,
} from "./component.ts";

const head: Component = { kind: "head", layer: 3, head: 10 };
const mlp: Component = { kind: "mlp", layer: 3 };
const neuron: Component = { kind: "neuron", layer: 3, neuron: 17 };

test("names and titles", () => {
  expect([head, mlp, neuron].map(nameInLayer)).toEqual(["head.10", "mlp", "neuron.17"]);
  expect([head, mlp, neuron].map(nameInModel)).toEqual(["3.head.10", "3.mlp", "3.neuron.17"]);
  expect([head, mlp, neuron].map(componentTitle)).toEqual(["head 3.10", "MLP 3", "neuron 3.17"]);
  expect(recordOf(head)).toEqual({ layer: 3, component: "head.10" });
});

test("a component in a sentence", () => {
  expect([head, mlp, neuron].map(componentInWords)).toEqual([
    "head 10 in layer 3",
    "MLP in layer 3",
    "neuron 17 in layer 3",
  ]);
});

test("names are read back as what they name", () => {
  fc.assert(
    fc.property(componentDraw, (component) => {
      expect(parseComponent(nameInModel(component))).toEqual(component);
      expect(componentOf(recordOf(component))).toEqual(component);
    }),
  );
});

test.each([
  ...["head.01", "head.", "head.-1", "head.1.5", "head. 1", "heads.1", "MLP", "mlp ", "", "head.1\n"],
  ...["neuron.01", "neuron.", "neurons.1", "neuron.1-2", "neuron.1\n"],
])("%j names no component of a layer", (component) => {
  expect(parseRecord({ layer: 0, component })).toBeUndefined();
  expect(parseComponent(`0.${component}`)).toBeUndefined();
  expect(() => componentOf({ layer: 0, component })).toThrow("is no component's name");
});

test.each(["mlp", "03.mlp", "-1.mlp", ".mlp", "3mlp", "3..mlp", "x.head.1"])(
  "%j names no component of a model",
  (name) => expect(parseComponent(name)).toBeUndefined(),
);

// Two layers: heads 0 and 1 with an MLP, and heads 0 and 1 without one.
const shape = [
  { heads: [0, 1], mlp: true },
  { heads: [0, 1], mlp: false },
];

test("a model's components in the order of computing", () => {
  expect(componentsOfModel(shape).map(nameInModel)).toEqual([
    "0.head.0",
    "0.head.1",
    "0.mlp",
    "1.head.0",
    "1.head.1",
  ]);
});

test("components on trial: the last layer first, and MLPs where they may be pruned", () => {
  const tried = (mlps: boolean, order: "published" | "downstream") =>
    componentsOnTrial(shape, { mlps, order }).map(nameInModel).join(" ");
  expect(tried(true, "published")).toBe("1.head.0 1.head.1 0.head.0 0.head.1 0.mlp");
  expect(tried(true, "downstream")).toBe("1.head.0 1.head.1 0.mlp 0.head.0 0.head.1");
  expect(tried(false, "downstream")).toBe("1.head.0 1.head.1 0.head.0 0.head.1");
});

test("layers whose numbers of heads differ", () => {
  const tried = (mlps: boolean, order: "published" | "downstream") =>
    componentsOnTrial(shapeOfHeadCounts([2, 1]), { mlps, order }).map(nameInModel);
  expect(tried(true, "published")).toEqual(["1.head.0", "1.mlp", "0.head.0", "0.head.1", "0.mlp"]);
  expect(tried(true, "downstream")).toEqual(["1.mlp", "1.head.0", "0.mlp", "0.head.0", "0.head.1"]);
  expect(tried(false, "published")).toEqual(["1.head.0", "0.head.0", "0.head.1"]);
});

test("the order of computing is the order by comparison", () => {
  fc.assert(
    fc.property(shapeDraw, fc.infiniteStream(fc.nat()), (drawn, keys) => {
      const listed = componentsOfModel(drawn);
      const shuffled = listed
        .map((component) => ({ component, key: keys.next().value ?? 0 }))
        .sort((one, other) => one.key - other.key)
        .map(({ component }) => component);
      expect(shuffled.sort(compareComponents)).toEqual(listed);
    }),
  );
});

test("all components are tried once each, in either order", () => {
  fc.assert(
    fc.property(shapeDraw, fc.constantFrom("published", "downstream"), (drawn, order) => {
      const tried = componentsOnTrial(drawn, { mlps: true, order });
      expect([...tried].sort(compareComponents)).toEqual(componentsOfModel(drawn));
    }),
  );
});

test("the shape of a model, whole or with a layer that has lost parts", () => {
  const model = randomTransformer({ layers: 2, heads: 3 });
  expect(shapeOf(model)).toEqual(shapeOfHeadCounts([3, 3], [20, 20]));
  expect(shapeOf({ ...model, blocks: [{ attention: undefined, mlp: model.blocks[0]?.mlp }] })).toEqual([
    { heads: [], mlp: true, hidden: 20 },
  ]);
  expect(neuronCountsOf(model)).toEqual([20, 20]);
});

test("what a layer has: an MLP is all of its neurons, or those that are listed", () => {
  const has = (parts: LayerShape, index: number) =>
    layerHas(parts, { kind: "neuron", layer: 3, neuron: index });
  const listed = { heads: [], mlp: true, neurons: [0, 3, 4, 17, 90] };
  const found = Array.from({ length: 100 }, (_, index) => index).filter((index) => has(listed, index));
  expect(found).toEqual([0, 3, 4, 17, 90]);
  expect(layerHas(listed, mlp)).toBe(true);
  expect(has({ heads: [], mlp: true }, 5000)).toBe(true);
  expect([19, 20].map((index) => has({ heads: [], mlp: true, hidden: 20 }, index))).toEqual([true, false]);
  expect(has({ heads: [], mlp: false, hidden: 20 }, 0)).toBe(false);
  const model = shapeOfHeadCounts([11, 11, 11, 11], [20, 20, 20, 20]);
  expect([head, mlp, neuron].map((each) => modelHas(model, each))).toEqual([true, true, true]);
  expect(modelHas(model, { kind: "neuron", layer: 3, neuron: 20 })).toBe(false);
  expect(modelHas(model, { kind: "mlp", layer: 4 })).toBe(false);
});
