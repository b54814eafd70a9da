/** The inputs of a graph in a bench: prompts, and for decoders a cache of a given length. */
import type { Graph } from "../../onnx/graph.ts";
import type { DeviceTensor, HostTensor } from "../../runtime/runtime.ts";

export type Feeds = Readonly<Record<string, HostTensor | DeviceTensor>>;

/** The sizes of a graph's symbols: `past` tokens are cached, and every row of `ids` is new. */
export function symbolSizes(batch: number, sequence: number, past = 0): Readonly<Record<string, number>> {
  return {
    batch,
    batch_size: batch,
    sequence_length: sequence,
    past_sequence_length: past,
    // Circuits of Pith 0.1.0 use this name for the sum of the two.
    total_sequence_length: past + sequence,
  };
}

/**
 * @param ids one row a prompt, of equal lengths. @param cache by input's name; by default all caches are empty.
 * Only inputs that the graph has are fed.
 */
export function feedsOf(
  graph: Pick<Graph, "inputs">,
  ids: readonly (readonly number[])[],
  cache?: { readonly length: number; readonly tensors: Readonly<Record<string, DeviceTensor>> },
): Feeds {
  const [sequence, past] = [ids[0]?.length ?? 0, cache?.length ?? 0];
  const sizes = symbolSizes(ids.length, sequence, past);
  const integers = (width: number, value: (row: readonly number[], at: number) => number): HostTensor => ({
    type: "int64",
    shape: [ids.length, width],
    data: BigInt64Array.from(
      ids.flatMap((row) => Array.from({ length: width }, (_, at) => BigInt(value(row, at)))),
    ),
  });
  const feeds: Record<string, HostTensor | DeviceTensor> = {};
  for (const { name, shape } of graph.inputs) {
    if (name === "input_ids") feeds[name] = integers(sequence, (row, at) => row[at] ?? 0);
    else if (name === "attention_mask") feeds[name] = integers(past + sequence, () => 1);
    else if (name === "position_ids") feeds[name] = integers(sequence, (_, at) => past + at);
    else {
      const own = shape.map((size) => (typeof size === "number" ? size : (sizes[size] ?? 0)));
      feeds[name] = cache?.tensors[name] ?? { type: "float32", shape: own, data: new Float32Array() };
    }
  }
  return feeds;
}

/** present.J.key of one run is past_key_values.J.key of the next. */
export function cacheOf(outputs: Readonly<Record<string, DeviceTensor>>): Record<string, DeviceTensor> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, tensor]) =>
      name.startsWith("present.") ? [[name.replace("present.", "past_key_values."), tensor]] : [],
    ),
  );
}
