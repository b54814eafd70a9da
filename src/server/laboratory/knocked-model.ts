/**
 * The patched model, kept loaded: every layer is a session, and the kept components are one of its inputs. So
 * another set of components costs one pass over one prompt, and no weight is read again.
 */

import { patchedGates } from "../../cut/patched.ts";
import { makeBatches } from "../../discovery/batch.ts";
import { zeroConstant } from "../../discovery/constant.ts";
import { embedBatches } from "../../discovery/embedding.ts";
import { gateTensors, layerFeeds, neuronGates, wholeBlock } from "../../discovery/forward.ts";
import type { Replacements } from "../../discovery/replacements.ts";
import { gatedLayer, unembedStage } from "../../lowering/stages.ts";
import { requireFinite } from "../../measure/finite-logits.ts";
import type { HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { Circuit } from "../../transformer/circuit.ts";
import { indicesBelow, neuronCountsOf } from "../../transformer/component.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Weight } from "../../transformer/weight.ts";

export interface KnockedModel {
  /** @returns the logits after the prompt's last token, [vocabulary]. */
  logits(ids: readonly number[], kept: Circuit): Promise<Float32Array>;
}

/** @param model an original model. @param replacements the replacement of each of its components. */
export async function loadKnockedModel(
  runtime: Runtime,
  model: Transformer,
  replacements: Replacements,
): Promise<KnockedModel> {
  const layers: Session[] = [];
  for (const layer of model.blocks.keys()) {
    const graph = gatedLayer(wholeBlock(model, layer), model.width, replacements.rows.kind, {
      neurons: "gated",
    });
    layers.push(await runtime.load(graph));
  }
  // A layer's session gates its neurons always, whether some of them are pruned or none.
  const openNeurons = neuronCountsOf(model).map((count) =>
    neuronGates(indicesBelow(count), zeroConstant(replacements.rows, count)),
  );
  const last = await runtime.load(unembedStage(model));
  const tables: Transformer = {
    ...model,
    tokenEmbedding: await held(model.tokenEmbedding),
    positions: await heldPositions(model.positions),
  };
  return {
    async logits(ids, kept) {
      const gates = patchedGates(model, kept, replacements);
      const [embedded] = await embedBatches(tables, makeBatches([ids]));
      if (embedded === undefined) throw new RangeError("an empty prompt");
      let x = await runtime.upload(embedded);
      for (const [layer, session] of layers.entries()) {
        const own = await gates(layer);
        const { y, ...others } = await session.run({
          ...{ x, ...layerFeeds(wholeBlock(model, layer), ids.length) },
          ...gateTensors({ ...own, neurons: own.neurons ?? openNeurons[layer] }, ids.length),
        });
        if (y === undefined) throw new TypeError("the layer lacks its output");
        await runtime.release(x, ...Object.values(others));
        x = y;
      }
      const residual = await runtime.readFloats(x);
      await runtime.release(x);
      const row = numbers([1, model.width], residual.subarray(-model.width));
      const { logits } = await last.run({ x: row });
      if (logits === undefined) throw new TypeError("the unembedding lacks its output");
      const values = await runtime.readFloats(logits);
      await runtime.release(logits);
      requireFinite(values, "patched model");
      return values;
    },
  };
}

async function heldPositions(positions: Transformer["positions"]): Promise<Transformer["positions"]> {
  switch (positions.kind) {
    case "none":
      return positions;
    case "learned":
      return { ...positions, table: await held(positions.table) };
  }
}

/** The weight is read once; `embed` only reads it from memory. */
async function held(weight: Weight): Promise<Weight> {
  const values = await weight.read();
  return { ...weight, read: async () => values };
}

function numbers(shape: readonly number[], data: Iterable<number>): HostTensor {
  return { type: "float32", shape: [...shape], data: Float32Array.from(data) };
}
