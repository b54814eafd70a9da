/**
 * Finds the layers that see only a window of tokens: `sliding_window`, `use_sliding_window` and `layer_types`.
 */
import { z } from "zod";
import { configError, countUpTo, largestSize } from "./config-fields.ts";

/** How many tokens a query sees, itself included; null: all tokens before it. */
export const windowField = countUpTo(largestSize).nullish();

/** Fields of families whose layers may differ. */
export const layerWindowFields = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: windowField,
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).optional(),
};

type LayerWindowFields = z.output<z.ZodObject<typeof layerWindowFields>> & {
  readonly num_hidden_layers: number;
};

/**
 * The window of each layer; undefined for a layer without one.
 * @param isWindowed which layers have a window if `layer_types` is missing.
 * @throws PithError "config" that names the field.
 */
export function layerWindows(
  config: LayerWindowFields,
  file: string,
  isWindowed: (layer: number) => boolean,
): readonly (number | undefined)[] {
  const { num_hidden_layers: layers, layer_types: types } = config;
  const window = (config.use_sliding_window ? config.sliding_window : undefined) ?? undefined;
  if (types === undefined)
    return Array.from({ length: layers }, (_, layer) => (isWindowed(layer) ? window : undefined));
  if (types.length !== layers)
    throw configError(file, "layer_types", `has ${types.length} items for ${layers} layers`);
  if (window === undefined && types.includes("sliding_attention"))
    throw configError(file, "layer_types", "has layers with a window, and no window's size is given");
  return types.map((type) => (type === "sliding_attention" ? window : undefined));
}
