/**
 * One plain full forward pass of the original model: the least cost of a candidate in a tool that uses hooks. It
 * has the same operators, batches and runtime as the search, so that only the method differs.
 */

import { makeBatches } from "../src/discovery/batch.ts";
import { embedBatches } from "../src/discovery/embedding.ts";
import { joinFloats } from "../src/join-floats.ts";
import { askingParts, type PlacedPart, partsOf } from "../src/lowering/kept-part.ts";
import { lastPosition } from "../src/lowering/last-position.ts";
import { inputPlaces, placeFeeds } from "../src/lowering/places.ts";
import { unembedStage } from "../src/lowering/stages.ts";
import { walkParts } from "../src/lowering/walk-parts.ts";
import type { Graph } from "../src/onnx/graph.ts";
import { GraphBuilder } from "../src/onnx/graph-builder.ts";
import type { DeviceTensor, Runtime, Session } from "../src/runtime/runtime.ts";
import { sliceRows } from "../src/transformer/slice.ts";
import type { Transformer } from "../src/transformer/transformer.ts";

export interface PlainForward {
  /** @returns milliseconds of the runs alone; the logits stay in the runtime and are released. */
  run(logits: "last" | "all"): Promise<number>;
  close(): Promise<void>;
}

/** The model in pieces that are loaded one after another, for those that do not fit as one graph. */
export interface Pieces {
  readonly layers: number;
  readonly vocabulary: number;
}

/** @param pieces left out: the model is loaded whole, once. */
export async function plainForward(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  pieces: Pieces = { layers: model.blocks.length, vocabulary: model.vocabularySize },
): Promise<PlainForward> {
  const batches = makeBatches(prompts);
  const inputs: DeviceTensor[] = [];
  for (const x of await embedBatches(model, batches)) inputs.push(await runtime.upload(x));
  const bodies = parted(model.blocks.length, pieces.layers).map(([start, end]) =>
    createPiece(runtime, { ...model, blocks: model.blocks.slice(start, end) }, wholeBody),
  );
  const heads = parted(model.vocabularySize, pieces.vocabulary).map((range) =>
    createPiece(runtime, { ...model, unembedding: sliceRows(model.unembedding, [range]) }, unembedStage),
  );
  const isWhole = bodies.length === 1 && heads.length === 1;

  return {
    async run(which) {
      let milliseconds = 0;
      let streams: readonly DeviceTensor[] = inputs;
      const rows: DeviceTensor[] = [];
      for (const [index, piece] of bodies.entries()) {
        const session = await piece.session();
        const begin = performance.now();
        const next: DeviceTensor[] = [];
        for (const [at, batch] of batches.entries()) {
          const x = streams[at];
          if (x === undefined) throw new RangeError("a batch without input");
          const { y, flat, last } = await session.run({ x, ...placeFeeds(piece.asking, batch.length) });
          if (y === undefined || flat === undefined || last === undefined)
            throw new TypeError("the body lacks an output");
          next.push(y);
          const isEnd = index === bodies.length - 1;
          if (isEnd) rows.push(which === "all" ? flat : last);
          await runtime.release(...(isEnd ? [which === "all" ? last : flat] : [flat, last]));
        }
        milliseconds += performance.now() - begin;
        if (streams !== inputs) await runtime.release(...streams);
        streams = next;
        if (!isWhole) await piece.close();
      }
      await runtime.release(...streams);
      const asked = which === "all" ? rows : [await together(runtime, rows, model.width)];
      for (const piece of heads) {
        const session = await piece.session();
        const begin = performance.now();
        for (const x of asked) {
          const { logits } = await session.run({ x });
          if (logits !== undefined) await runtime.release(logits);
        }
        milliseconds += performance.now() - begin;
        if (!isWhole) await piece.close();
      }
      await runtime.release(...asked);
      return milliseconds;
    },
    async close() {
      await runtime.release(...inputs);
      for (const piece of [...bodies, ...heads]) await piece.close();
    },
  };
}

/** [0, whole) in ranges of at most `size`. */
function parted(whole: number, size: number): readonly (readonly [number, number])[] {
  return Array.from({ length: Math.ceil(whole / size) }, (_, index) => [
    index * size,
    Math.min(whole, (index + 1) * size),
  ]);
}

/** A piece of the model, loaded when it is asked for. */
function createPiece(runtime: Runtime, model: Transformer, lower: (model: Transformer) => Graph) {
  let loaded: Session | undefined;
  return {
    asking: askingParts(everywhere(model)),
    async session() {
      loaded ??= await runtime.load(lower(model));
      return loaded;
    },
    async close() {
      await loaded?.unload();
      loaded = undefined;
    },
  };
}

/** The last positions of all batches as one tensor; releases theirs. */
async function together(
  runtime: Runtime,
  tensors: readonly DeviceTensor[],
  width: number,
): Promise<DeviceTensor> {
  const parts = await Promise.all(tensors.map((tensor) => runtime.readFloats(tensor)));
  await runtime.release(...tensors);
  const data = joinFloats(parts);
  return runtime.upload({ type: "float32", shape: [data.length / width, width], data });
}

/** All parts, with queries at all positions. */
function everywhere(model: Transformer): readonly PlacedPart[] {
  return partsOf(model).map((part) => (part.kind === "mlp" ? part : { ...part, queries: "all" }));
}

/** x [batch, sequence, d] → y of the same shape; as rows, flat [batch × sequence, d]; its last positions [batch, d]. */
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
  graph.output("y", x);
  graph.output("flat", graph.reshape(x, [-1, model.width], "positions"));
  const last = lastPosition(graph, x);
  graph.output("last", graph.reshape(last, [-1, model.width], "batch"));
  return graph.build();
}
