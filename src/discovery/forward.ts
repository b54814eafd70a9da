/**
 * The original model, layer by layer, with a gate on every component. It serves three passes: over patching
 * prompts (whose activations give the means), over validation prompts (whose residual streams the search starts
 * from), and the patched model (original weights with replacements switched in), against which a standalone model
 * is verified. Only one layer's weights are in memory at a time.
 */
import { placeFeeds } from "../lowering/places.ts";
import { gatedLayer } from "../lowering/stages.ts";
import { type DeviceTensor, type HostTensor, type Runtime, weightBytesOf } from "../runtime/runtime.ts";
import { linearShape } from "../transformer/linear.ts";
import type { PositionRows } from "../transformer/position-rows.ts";
import type { Attention, Block, Mlp, Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";
import { type Constant, constantFromVector, constantTensor } from "./constant.ts";
import { embedEach } from "./embedding.ts";
import { closeStream, dropStreams, keepStream, openStream, type WaitingStream } from "./waiting-streams.ts";

/** The gates and constants of one layer; constants include b_O and b_2 if these stay. */
export interface LayerGates {
  /** One for each head; true keeps it. */
  readonly heads: readonly boolean[];
  readonly mlp: boolean;
  readonly attentionConstant: Constant;
  readonly mlpConstant: Constant;
  /** A vector that is added behind the heads, and behind a norm that follows them; left out: none. */
  readonly afterHeads?: Float64Array | undefined;
  /** Left out: all neurons of the MLP are kept, or none. */
  readonly neurons?: NeuronGates | undefined;
}

/** The gates of a layer's neurons: h ← h·gates + constant. */
export interface NeuronGates {
  /** One for each neuron; 1 keeps it, 0 removes it. */
  readonly gates: Float32Array<ArrayBuffer>;
  /** The replacements of the pruned neurons, of the width of the MLP; 0 at kept ones. */
  readonly constant: Constant;
}

export interface LayerOutputs {
  readonly layer: number;
  /** Index into the batches. */
  readonly batch: number;
  /** [prompts, length, heads × headWidth], before the gates. */
  readonly z: DeviceTensor;
  /** [prompts, length, d], the MLP's output without b_2, before its gate. */
  readonly mlp: DeviceTensor;
  /** [prompts, length, hidden], the neurons' activations, if they are asked for. */
  readonly hidden?: DeviceTensor | undefined;
  /** [prompts, length, d], the residual stream after the layer. */
  readonly y: DeviceTensor;
}

export interface ForwardOptions {
  /** The gates of a layer; by default everything is kept. */
  readonly gates?: (layer: number) => Promise<LayerGates>;
  /** Whether `visit` gets the neurons' activations; they are several times as wide as the stream. */
  readonly hidden?: boolean | undefined;
  /** Gets each layer's activations; all but `y` are released when it returns. */
  readonly visit?: (outputs: LayerOutputs) => Promise<void>;
  /**
   * Keeps the residual stream before every layer, not only after the last one, of the batches from this one on.
   */
  readonly keepFrom?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @returns the residual stream before each layer and after the last, [layers + 1][batches from `keepFrom` on];
 * without `keepFrom` only the last entry, of all batches. The caller drops them.
 */
export async function forward(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  options: ForwardOptions = {},
): Promise<readonly (readonly WaitingStream[])[]> {
  const kept: WaitingStream[][] = [];
  let residual: WaitingStream[] = [];
  for await (const embedded of embedEach(model, batches))
    residual.push(await keepStream(runtime, await runtime.upload(embedded)));

  // While one layer computes, the next one's weights are read, if there is room for them.
  const load = ahead(
    model.blocks.length,
    async (layer) => {
      const block = wholeBlock(model, layer);
      const gates = options.gates === undefined ? await openGates(block) : await options.gates(layer);
      const neurons = gates.neurons ? "gated" : options.hidden ? "given" : undefined;
      const afterHeads = gates.afterHeads !== undefined;
      const graph = gatedLayer(block, model.width, gates.attentionConstant.rows.kind, {
        ...{ neurons, afterHeads },
      });
      const session = await runtime.load(graph);
      return { block, gates, session };
    },
    (layer) => runtime.hasRoomAhead(() => layerBytes(model, layer)),
  );
  for (const layer of model.blocks.keys()) {
    options.signal?.throwIfAborted();
    const { block, gates, session } = await load(layer);
    const next: WaitingStream[] = [];
    const run = async (index: number) => {
      const [batch, stream] = [batches[index], residual[index]];
      if (batch === undefined || stream === undefined) return undefined;
      const x = await openStream(runtime, stream);
      const feeds = { ...layerFeeds(block, batch.length), ...gateTensors(gates, batch.length) };
      const outputs = await session.run({ x, ...feeds });
      await closeStream(runtime, stream, x);
      return outputs;
    };
    // The next batch is issued before this one is processed, so that the engine never waits.
    let running = run(0);
    for (const index of batches.keys()) {
      options.signal?.throwIfAborted();
      const { z, mlp, y, hidden } = (await running) ?? {};
      if (z === undefined || mlp === undefined || y === undefined)
        throw new TypeError("the layer lacks an output");
      running = run(index + 1);
      running.catch(() => {});
      await options.visit?.({ layer, batch: index, z, mlp, y, hidden });
      await runtime.release(z, mlp, ...(hidden === undefined ? [] : [hidden]));
      next.push(await keepStream(runtime, y));
    }
    await session.unload();
    const keepFrom = options.keepFrom ?? batches.length;
    if (keepFrom < batches.length) kept.push(residual.slice(keepFrom));
    await dropStreams(runtime, residual.slice(0, keepFrom));
    residual = next;
  }
  await dropStreams(runtime, residual.slice(0, options.keepFrom ?? 0));
  return [...kept, residual.slice(options.keepFrom ?? 0)];
}

/**
 * Calls `load` for one index after another, each begun when the one before it is taken, if there is room for both.
 */
function ahead<T>(
  count: number,
  load: (index: number) => Promise<T>,
  hasRoom: (index: number) => boolean,
): (index: number) => Promise<T> {
  let upcoming: Promise<T> | undefined;
  return async (index) => {
    const current = await (upcoming ?? load(index));
    upcoming = index + 1 < count && hasRoom(index + 1) ? load(index + 1) : undefined;
    // A caller that stops early never takes it, so its failure must not stay unhandled.
    upcoming?.catch(() => {});
    return current;
  };
}

/** A layer with both parts. */
export interface WholeBlock extends Omit<Block, "attention" | "mlp"> {
  readonly attention: Attention;
  readonly mlp: Mlp;
}

/** Both parts of a layer, which every layer of an original model has. */
export function wholeBlock(model: Transformer, layer: number): WholeBlock {
  const { attention, mlp, ...rest } = model.blocks[layer] ?? {};
  if (attention === undefined || mlp === undefined) {
    throw new TypeError(`layer ${layer} is not whole: only an original model can be searched`);
  }
  return { ...rest, attention, mlp };
}

/** Bytes of a whole layer's weights, as a session holds them. */
export function layerBytes(model: Transformer, layer: number): number {
  return weightBytesOf(gatedLayer(wholeBlock(model, layer), model.width, "one"));
}

/** The inputs of `gatedLayer` other than the stream and the gates, for prompts of `length` tokens. */
export function layerFeeds({ attention }: WholeBlock, length: number): ReturnType<typeof placeFeeds> {
  return placeFeeds([{ attention, queries: "all" }], length);
}

/** b_O of a layer as a constant; zeros if it has none. */
export async function outputBias(attention: Attention, width: number, rows: PositionRows): Promise<Constant> {
  return constantFromVector((await attention.output.bias?.read()) ?? new Float32Array(width), rows);
}

/** b_2 of a layer as a constant; zeros if it has none, or if it is added before a norm after the MLP. */
export async function downBias(
  { down, postNorm }: Mlp,
  width: number,
  rows: PositionRows,
): Promise<Constant> {
  const bias = postNorm === undefined ? await down.bias?.read() : undefined;
  return constantFromVector(bias ?? new Float32Array(width), rows);
}

async function openGates(block: WholeBlock): Promise<LayerGates> {
  const [, width] = linearShape(block.attention.output);
  return {
    heads: block.attention.heads.map(() => true),
    mlp: true,
    attentionConstant: await outputBias(block.attention, width, { kind: "one" }),
    mlpConstant: await downBias(block.mlp, width, { kind: "one" }),
  };
}

/**
 * The gates of an MLP's neurons.
 * @param kept ascending. @param replacement of all neurons of the layer.
 */
export function neuronGates(kept: readonly number[], replacement: Constant): NeuronGates {
  const { width, values } = replacement;
  const gates = new Float32Array(width);
  for (const neuron of kept) gates[neuron] = 1;
  return {
    gates,
    constant: { ...replacement, values: values.map((value, at) => (gates[at % width] === 1 ? 0 : value)) },
  };
}

/** The gates as inputs of `gatedLayer`. @param length tokens of the prompts. */
export function gateTensors(gates: LayerGates, length: number): Readonly<Record<string, HostTensor>> {
  const heads = Float32Array.from(gates.heads, Number);
  return {
    headGates: { type: "float32", shape: [heads.length, 1], data: heads },
    mlpGate: { type: "float32", shape: [1], data: Float32Array.of(Number(gates.mlp)) },
    attentionConstant: constantTensor(gates.attentionConstant, "all", length),
    mlpConstant: constantTensor(gates.mlpConstant, "all", length),
    ...(gates.afterHeads && {
      afterHeads: {
        ...{ type: "float32", shape: [gates.afterHeads.length] },
        data: Float32Array.from(gates.afterHeads),
      } as const,
    }),
    ...(gates.neurons && {
      neuronGates: { type: "float32", shape: [gates.neurons.gates.length], data: gates.neurons.gates },
      neuronConstant: constantTensor(gates.neurons.constant, "all", length),
    }),
  };
}
