/** Generators for property tests of circuits: model shapes, and sets of components that a model has or lacks. */
import fc from "fast-check";
import type {
  Component,
  ComponentKind,
  LayerComponents,
  ModelShape,
} from "../../src/transformer/component.ts";

/** How many neurons each layer of the model has that components are drawn from. */
export const neuronsDrawn = 5;

/** Components of a few layers, so that two draws often share some. */
export const componentDraw: fc.Arbitrary<Component> = fc.oneof(
  ...Object.values({
    head: fc.record({ kind: fc.constant("head"), layer: fc.nat(4), head: fc.nat(12) }),
    mlp: fc.record({ kind: fc.constant("mlp"), layer: fc.nat(4) }),
    neuron: fc.record({ kind: fc.constant("neuron"), layer: fc.nat(4), neuron: fc.nat(neuronsDrawn - 1) }),
  } satisfies Record<ComponentKind, fc.Arbitrary<Component>>),
);

export const componentDraws = fc.array(componentDraw, { maxLength: 30 });

/** Layers may lack heads, an MLP, or both, and heads may have any of the original's numbers. */
export const shapeDraw: fc.Arbitrary<ModelShape> = fc.array(
  fc.record({
    heads: fc
      .uniqueArray(fc.nat(12), { maxLength: 8 })
      .map((heads) => heads.toSorted((one, other) => one - other)),
    mlp: fc.boolean(),
  }) satisfies fc.Arbitrary<LayerComponents>,
  { maxLength: 5 },
);
