/**
 * One plain full forward pass of the original model: the least cost of a candidate in a tool that uses hooks. It
 * has the same operators, batches and runtime as the search, so that only the method differs.
 */
import { makeBatches } from "../src/discovery/batch.ts";
import { embedBatches } from "../src/discovery/embedding.ts";
import { askingParts, type PlacedPart, partsOf } from "../src/lowering/kept-part.ts";
import { lastPosition } from "../src/lowering/last-position.ts";
import { inputPlaces, placeFeeds } from "../src/lowering/places.ts";
import { unembedStage } from "../src/lowering/stages.ts";
import { walkParts } from "../src/lowering/walk-parts.ts";
import type { Graph } from "../src/onnx/graph.ts";
import { GraphBuilder } from "../src/onnx/graph-builder.ts";
import type { DeviceTensor, Runtime } from "../src/runtime/runtime.ts";
import type { Transformer } from "../src/transformer/transformer.ts";

export interface PlainForward {
  /** @returns milliseconds; the logits stay in the runtime and are released. */
  run(logits: "last" | "all"): Promise<number>;
  close(): Promise<void>;
}

export async function plainForward(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
): Promise<PlainForward> {
  const batches = makeBatches(prompts);
  const inputs: DeviceTensor[] = [];
  for (const x of await embedBatches(model, batches)) inputs.push(await runtime.upload(x));
  const asking = askingParts(everywhere(model));
  const body = await runtime.load(wholeBody(model));
  const head = await runtime.load(unembedStage(model));

  return {
    async run(which) {
      const begin = performance.now();
      const lastRows = new Float32Array(prompts.length * model.width);
      let at = 0;
      for (const [index, batch] of batches.entries()) {
        const x = inputs[index];
        if (x === undefined) throw new RangeError("a batch without input");
        const { y, last } = await body.run({ x, ...placeFeeds(asking, batch.length) });
        if (y === undefined || last === undefined) throw new TypeError("the body lacks an output");
        if (which === "all") {
          const { logits } = await head.run({ x: y });
          if (logits !== undefined) await runtime.release(logits);
        } else {
          lastRows.set(await runtime.readFloats(last), at);
          at += batch.members.length * model.width;
        }
        await runtime.release(y, last);
      }
      if (which === "last") {
        const x = { type: "float32", shape: [prompts.length, model.width], data: lastRows } as const;
        const { logits } = await head.run({ x });
        if (logits !== undefined) await runtime.release(logits);
      }
      return performance.now() - begin;
    },
    async close() {
      await runtime.release(...inputs);
      await body.unload();
      await head.unload();
    },
  };
}

/** All parts, with queries at all positions. */
function everywhere(model: Transformer): readonly PlacedPart[] {
  return partsOf(model).map((part) => (part.kind === "mlp" ? part : { ...part, queries: "all" }));
}

/** x [batch, sequence, d] → y [batch × sequence, d] and its last positions [batch, d]. */
function wholeBody(model: Transformer): Graph {
  const graph = new GraphBuilder("whole body");
  const parts = everywhere(model);
  const attentions = askingParts(parts).map(({ attention }) => attention);
  const x = walkParts(graph, graph.input("x", "float32", ["batch", "sequence", model.width]), parts, {
    ...{ places: inputPlaces(graph, attentions), operators: "onnxruntime" },
    wrote(delta, from, index) {
      const { attention, mlp } = model.blocks[parts[index]?.layer ?? 0] ?? {};
      const bias = (from === "heads" ? attention?.output : mlp?.down)?.bias;
      return bias === undefined ? delta : graph.add(delta, graph.weight(bias));
    },
  });
  graph.output("y", graph.reshape(x, [-1, model.width], "positions"));
  const last = lastPosition(graph, x);
  graph.output("last", graph.reshape(last, [-1, model.width], "batch"));
  return graph.build();
}
