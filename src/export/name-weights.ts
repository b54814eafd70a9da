/**
 * Names a model's weights by their place in it. The checkpoint's names would be very long for weights that were
 * sliced and joined, and a standalone model differs from the checkpoint.
 */
import { mapWeights } from "../transformer/parts.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";

/** The same model with new names; weights that were one object stay one object. */
export function nameWeights<M extends AnyTransformer>(model: M): M {
  return mapWeights(model, (weight, name) => ({
    ...{ name, shape: weight.shape, read: () => weight.read() },
    ...(weight.readRows && { readRows: weight.readRows }),
  }));
}
