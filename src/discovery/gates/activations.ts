/** What the original's components compute on a set of prompts, layer by layer, batch by batch. */
import { activationOutput, gateStage } from "../../lowering/gate-stage.ts";
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import type { GateKind } from "../../transformer/gates.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { embedBatches } from "../embedding.ts";
import { layerFeeds, wholeBlock } from "../forward.ts";

/** One kind's activations in one layer and batch. */
export interface Activations {
  readonly kind: GateKind;
  /** [prompts, length, width]: z of all heads, the MLP's write with b_2, or h. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** @param visit gets every layer's activations of the kinds asked for; layers ascend, and batches in each. */
export async function visitActivations(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  kinds: readonly GateKind[],
  signal: AbortSignal | undefined,
  visit: (layer: number, batch: Batch, activations: Activations, index: number) => void,
): Promise<void> {
  let streams: DeviceTensor[] = [];
  for (const embedded of await embedBatches(model, batches)) streams.push(await runtime.upload(embedded));
  for (const layer of model.blocks.keys()) {
    const block = wholeBlock(model, layer);
    const session = await runtime.load(
      gateStage(block, model.width, { kinds: [], rows: "one", reveal: kinds }),
    );
    const next: DeviceTensor[] = [];
    for (const [index, batch] of batches.entries()) {
      signal?.throwIfAborted();
      const x = streams[index];
      if (x === undefined) throw new RangeError("a batch without a stream");
      const { y, ...revealed } = await session.run({ x, ...layerFeeds(block, batch.length) });
      if (y === undefined) throw new TypeError("the layer lacks its output");
      next.push(y);
      for (const kind of kinds) {
        const tensor = revealed[activationOutput(kind)];
        if (tensor === undefined) throw new TypeError("the layer lacks an activation");
        visit(layer, batch, { kind, values: await runtime.readFloats(tensor) }, index);
      }
      await runtime.release(x, ...Object.values(revealed));
    }
    await session.unload();
    streams = next;
  }
  await runtime.release(...streams);
}
