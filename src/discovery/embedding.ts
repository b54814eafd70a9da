/** Token ids → the residual stream before the first layer. A table look-up; no graph is worth its while. */
import { hidden } from "../lowering/mask.ts";
import type { HostTensor } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";

/** @returns for each batch [prompts, length, d]. Reads both tables once. */
export async function embed(model: Transformer, batches: readonly Batch[]): Promise<readonly HostTensor[]> {
  const { width } = model;
  const tokens = await model.tokenEmbedding.read();
  const positions = await model.positionEmbedding.read();
  return batches.map((batch) => {
    const data = new Float32Array(batch.ids.length * batch.length * width);
    let at = 0;
    for (const ids of batch.ids) {
      for (const [position, id] of ids.entries()) {
        const token = id * width;
        const place = position * width;
        for (let column = 0; column < width; column++) {
          data[at++] = (tokens[token + column] ?? 0) + (positions[place + column] ?? 0);
        }
      }
    }
    return { type: "float32", shape: [batch.ids.length, batch.length, width], data };
  });
}

/** [length, length]: 0 where a query (row) may look at a key (column), a number below all scores where not. */
export function causalMask(length: number): HostTensor {
  const data = new Float32Array(length * length);
  for (let query = 0; query < length; query++) {
    data.fill(hidden, query * length + query + 1, (query + 1) * length);
  }
  return { type: "float32", shape: [length, length], data };
}
