/** Token ids → the residual stream before the first layer. It is only a table look-up, so it needs no graph. */
import type { HostTensor } from "../runtime/runtime.ts";
import { pickRows } from "../transformer/pick-rows.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";

/** @returns for each batch [prompts, length, d]. Of the table of tokens, the prompts' rows alone are read. */
export async function embedBatches(
  model: Transformer,
  batches: readonly Batch[],
): Promise<readonly HostTensor[]> {
  const all: HostTensor[] = [];
  for await (const embedded of embedEach(model, batches)) all.push(embedded);
  return all;
}

/** The same, each batch when it is asked for: the streams of a large set need not be in memory together. */
export async function* embedEach(
  model: Transformer,
  batches: readonly Batch[],
): AsyncGenerator<HostTensor, void> {
  const { width, embeddingScale = 1 } = model;
  const tokens = await pickRows(
    model.tokenEmbedding,
    batches.flatMap(({ ids }) => ids.flat()),
  );
  const positions = await readPositions(model.positions);
  for (const batch of batches) {
    const data = new Float32Array(batch.ids.length * batch.length * width);
    let at = 0;
    for (const ids of batch.ids) {
      for (const [position, id] of ids.entries()) {
        const token = tokens.get(id);
        const place = position * width;
        for (let column = 0; column < width; column++) {
          const value = Math.fround((token?.[column] ?? 0) * embeddingScale);
          data[at++] = value + (positions?.[place + column] ?? 0);
        }
      }
    }
    yield { type: "float32", shape: [batch.ids.length, batch.length, width], data };
  }
}

/** Undefined for a model without a table of positions. */
async function readPositions(positions: Transformer["positions"]): Promise<Float32Array | undefined> {
  switch (positions.kind) {
    case "none":
      return undefined;
    case "learned":
      return positions.table.read();
  }
}
