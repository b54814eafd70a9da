/**
 * A model's weights under names that say where they stand in it. Of weights that were sliced and joined, the
 * checkpoint's names would be paragraphs; and a standalone model is not the checkpoint's any more.
 */
import { mapWeights } from "../transformer/parts.ts";
import type { AnyTransformer } from "../transformer/transformer.ts";

/** The same model; weights that were one object still are. */
export function nameWeights<M extends AnyTransformer>(model: M): M {
  return mapWeights(model, (weight, name) => ({ name, shape: weight.shape, read: () => weight.read() }));
}
