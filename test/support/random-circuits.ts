/** What properties of circuits are drawn from: model shapes, and sets of components that a model has or lacks. */
import fc from "fast-check";
import type { Component, LayerComponents, ModelShape } from "../../src/transformer/component.ts";

/** Components of a few layers, so that two draws often have some in common. */
export const componentDraw: fc.Arbitrary<Component> = fc.oneof(
  fc.record({ kind: fc.constant("head" as const), layer: fc.nat(4), head: fc.nat(12) }),
  fc.record({ kind: fc.constant("mlp" as const), layer: fc.nat(4) }),
);

export const componentDraws = fc.array(componentDraw, { maxLength: 30 });

/** Layers may lack heads, an MLP, or both, and heads may be any of the original's. */
export const shapeDraw: fc.Arbitrary<ModelShape> = fc.array(
  fc.record({
    heads: fc
      .uniqueArray(fc.nat(12), { maxLength: 8 })
      .map((heads) => heads.toSorted((one, other) => one - other)),
    mlp: fc.boolean(),
  }) satisfies fc.Arbitrary<LayerComponents>,
  { maxLength: 5 },
);
