/**
 * The original model, layer by layer, with a gate on every component. It serves three passes: over patching
 * prompts (whose activations give the means), over validation prompts (whose residual streams the search
 * starts from), and the patched model, original weights with replacements switched in, that a standalone
 * model is verified against. Only one layer's weights are held at a time.
 */
import { gatedLayer } from "../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/runtime.ts";
import type { Attention, Block, Mlp, Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";
import { type Constant, constantFromVector, constantTensor } from "./constant.ts";
import { causalMask, embed } from "./embedding.ts";

/** What is done to one layer; constants include b_O and b_2 where these stay. */
export interface LayerGates {
  /** One a head; true keeps it. */
  readonly heads: readonly boolean[];
  readonly mlp: boolean;
  readonly attentionConstant: Constant;
  readonly mlpConstant: Constant;
}

interface LayerOutputs {
  readonly layer: number;
  /** Index into the batches. */
  readonly batch: number;
  /** [prompts, length, heads × headWidth], before the gates. */
  readonly z: DeviceTensor;
  /** [prompts, length, d], what the MLP writes without b_2, before its gate. */
  readonly mlp: DeviceTensor;
}

export interface ForwardOptions {
  /** The gates of a layer; by default everything is kept. */
  readonly gates?: (layer: number) => Promise<LayerGates>;
  /** Sees each layer's activations; they are released when it returns. */
  readonly visit?: (outputs: LayerOutputs) => Promise<void>;
  /** Keep the residual stream before every layer, not only the last one's, of the batches from this one on. */
  readonly keepFrom?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @returns the residual stream before each layer and after the last, [layers + 1][batches from `keepFrom` on];
 * without `keepFrom` only the last entry, of all batches. The caller releases them.
 */
export async function forward(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  options: ForwardOptions = {},
): Promise<readonly (readonly DeviceTensor[])[]> {
  const kept: DeviceTensor[][] = [];
  let residual: DeviceTensor[] = [];
  for (const embedded of await embed(model, batches)) residual.push(await runtime.upload(embedded));

  // While one layer computes, the next one's weights are read.
  const load = ahead(model.blocks.length, async (layer) => {
    const block = wholeBlock(model, layer);
    const gates = options.gates === undefined ? await openGates(block) : await options.gates(layer);
    const rows = gates.attentionConstant.rows === 1 ? "one" : "each";
    return { gates, session: await runtime.load(gatedLayer(block, model.width, rows)) };
  });
  for (const layer of model.blocks.keys()) {
    options.signal?.throwIfAborted();
    const { gates, session } = await load(layer);
    const next: DeviceTensor[] = [];
    const run = (index: number) => {
      const [batch, x] = [batches[index], residual[index]];
      if (batch === undefined || x === undefined) return undefined;
      return session.run({ x, mask: causalMask(batch.length), ...gateTensors(gates) });
    };
    // The next batch is asked for before this one is looked at, so that the engine never waits.
    let running = run(0);
    for (const index of batches.keys()) {
      options.signal?.throwIfAborted();
      const { z, mlp, y } = (await running) ?? {};
      if (z === undefined || mlp === undefined || y === undefined)
        throw new TypeError("the layer lacks an output");
      running = run(index + 1);
      running?.catch(() => {});
      await options.visit?.({ layer, batch: index, z, mlp });
      await runtime.release(z, mlp);
      next.push(y);
    }
    await session.unload();
    const keepFrom = options.keepFrom ?? batches.length;
    if (keepFrom < batches.length) kept.push(residual.slice(keepFrom));
    await runtime.release(...residual.slice(0, keepFrom));
    residual = next;
  }
  await runtime.release(...residual.slice(0, options.keepFrom ?? 0));
  return [...kept, residual.slice(options.keepFrom ?? 0)];
}

/** Calls `load` for one index after another, each begun when the one before it is taken. */
function ahead<T>(count: number, load: (index: number) => Promise<T>): (index: number) => Promise<T> {
  let upcoming: Promise<T> | undefined;
  return (index) => {
    const current = upcoming ?? load(index);
    upcoming = index + 1 < count ? current.then(() => load(index + 1)) : undefined;
    // Whoever stops early never takes it; its failure is nobody's then.
    upcoming?.catch(() => {});
    return current;
  };
}

/** Both parts of a layer, which every layer of an original model has. */
export function wholeBlock(
  model: Transformer,
  layer: number,
): { readonly attention: Attention; readonly mlp: Mlp } {
  const block: Block | undefined = model.blocks[layer];
  if (block?.attention === undefined || block.mlp === undefined) {
    throw new TypeError(`layer ${layer} is not whole: only an original model can be searched`);
  }
  return { attention: block.attention, mlp: block.mlp };
}

/** b_O of a layer as a constant; zeros if it has none. */
export async function outputBias(attention: Attention, width: number, rows: number): Promise<Constant> {
  return constantFromVector((await attention.output.bias?.read()) ?? new Float32Array(width), rows);
}

/** b_2 of a layer as a constant; zeros if it has none. */
export async function downBias(mlp: Mlp, width: number, rows: number): Promise<Constant> {
  return constantFromVector((await mlp.down.bias?.read()) ?? new Float32Array(width), rows);
}

async function openGates(block: { readonly attention: Attention; readonly mlp: Mlp }): Promise<LayerGates> {
  const width = block.attention.output.weight.shape[1] ?? 0;
  return {
    heads: block.attention.heads.map(() => true),
    mlp: true,
    attentionConstant: await outputBias(block.attention, width, 1),
    mlpConstant: await downBias(block.mlp, width, 1),
  };
}

function gateTensors(gates: LayerGates): Readonly<Record<string, HostTensor>> {
  const heads = Float32Array.from(gates.heads, Number);
  return {
    headGates: { type: "float32", shape: [heads.length, 1], data: heads },
    mlpGate: { type: "float32", shape: [1], data: Float32Array.of(Number(gates.mlp)) },
    attentionConstant: constantTensor(gates.attentionConstant, "all"),
    mlpConstant: constantTensor(gates.mlpConstant, "all"),
  };
}
