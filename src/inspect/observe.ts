/**
 * Runs a standalone model prompt by prompt and returns its inner values, from which attention patterns and
 * attribution are computed. It works in a browser: it needs only the shipped weights and a runtime.
 */
import { makeBatches } from "../discovery/batch.ts";
import { lastAttention } from "../lowering/fit-length.ts";
import { lowerObserved } from "../lowering/observed.ts";
import { placeFeeds } from "../lowering/places.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/runtime.ts";
import type { Component } from "../transformer/component.ts";
import { joiningConstants } from "../transformer/joining-constants.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";

/**
 * A part that adds to the residual stream. Constants are positions, biases and the replacements of pruned
 * components.
 */
export type StreamWriter =
  | Component
  | {
      /** The token's embedding, or all constants together. */
      readonly kind: "embedding" | "constants";
    };

export interface Observation {
  /** Index of the prompt in the set. */
  readonly index: number;
  /**
   * The contribution of each part at the last position, [d], embedding and constants first, then in the order of
   * computing.
   */
  readonly writes: readonly { readonly part: StreamWriter; readonly values: Float32Array }[];
  /** The sum of the contributions, which the final norm reads, [d]. */
  readonly final: Float32Array;
  /** For each kept head, [length × length], rows are queries; empty unless asked for. */
  readonly patterns: readonly {
    readonly layer: number;
    readonly head: number;
    readonly weights: Float32Array;
  }[];
}

export interface ObserveOptions {
  readonly patterns?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Small, because whole patterns are held. */
const tokensPerRun = 512;

/**
 * @param model a standalone model; if its constants have a row for each position, it accepts prompts of that length only.
 * @param visit called once for each prompt, in any order.
 */
export async function observe(
  runtime: Runtime,
  model: FoldedTransformer,
  prompts: readonly (readonly number[])[],
  visit: (observation: Observation) => void,
  { patterns = false, signal }: ObserveOptions = {},
): Promise<void> {
  const aligned = hasPositionalConstants(model);
  const sees = lastAttention(model) >= 0 || model.firstPosition === "apart";
  const asking = model.blocks.flatMap(({ attention }) =>
    attention === undefined ? [] : [{ attention, queries: "all" } as const],
  );
  const session = await runtime.load(lowerObserved(model, aligned && sees ? model.contextLength : undefined));
  try {
    for (const batch of makeBatches(prompts, tokensPerRun)) {
      signal?.throwIfAborted();
      const length = sees ? batch.length : 1;
      const ids = batch.ids.flatMap((row) => (sees ? row : row.slice(-1)));
      // If no attention is left, the shipped table of the aligned profile holds the last position only.
      const rows = model.positions.kind === "learned" ? (model.positions.table.shape[0] ?? 1) : batch.length;
      const first = sees ? 0 : Math.min(batch.length, rows) - 1;
      const places = Array.from({ length }, (_, at) => first + at);
      const outputs = await session.run({
        input_ids: integers([batch.ids.length, length], ids),
        ...(model.positions.kind === "learned" && { positions: integers([length], places) }),
        ...placeFeeds(asking, length),
      });
      const values = await readAll(runtime, outputs, patterns);
      for (const [row, index] of batch.members.entries()) {
        visit(observationOf(model, values, { index, row, prompts: batch.ids.length, length }, patterns));
      }
    }
  } finally {
    await session.unload();
  }
}

function hasPositionalConstants(model: FoldedTransformer): boolean {
  return model.firstPosition !== "apart" && joiningConstants(model).some(({ shape }) => shape.length > 1);
}

async function readAll(
  runtime: Runtime,
  outputs: Readonly<Record<string, DeviceTensor>>,
  patterns: boolean,
): Promise<ReadonlyMap<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of Object.entries(outputs)) {
    if (patterns || !name.startsWith("pattern.")) values.set(name, await runtime.readFloats(tensor));
  }
  await runtime.release(...Object.values(outputs));
  return values;
}

interface Place {
  readonly index: number;
  readonly row: number;
  readonly prompts: number;
  readonly length: number;
}

function observationOf(
  model: FoldedTransformer,
  values: ReadonlyMap<string, Float32Array>,
  { index, row, prompts, length }: Place,
  withPatterns: boolean,
): Observation {
  /** This prompt's part of an output that has one entry for each prompt. */
  const own = (name: string): Float32Array => {
    const all = values.get(name);
    if (all === undefined) throw new TypeError(`the graph lacks its output ${name}`);
    const size = all.length / prompts;
    return all.subarray(row * size, (row + 1) * size);
  };
  const { width } = model;
  const constants = values.get("constants");
  if (constants === undefined) throw new TypeError("the graph lacks its constants");
  const writes: { part: StreamWriter; values: Float32Array }[] = [
    { part: { kind: "embedding" }, values: own("embedding") },
    { part: { kind: "constants" }, values: constants },
  ];
  const patterns: { layer: number; head: number; weights: Float32Array }[] = [];
  for (const [layer, { attention, mlp }] of model.blocks.entries()) {
    if (attention !== undefined) {
      const all = own(`heads.${layer}`);
      const weights = withPatterns ? own(`pattern.${layer}`) : undefined;
      for (const [at, head] of attention.heads.entries()) {
        writes.push({
          part: { kind: "head", layer, head },
          values: all.subarray(at * width, (at + 1) * width),
        });
        const area = length * length;
        if (weights) patterns.push({ layer, head, weights: weights.slice(at * area, (at + 1) * area) });
      }
    }
    if (mlp !== undefined) writes.push({ part: { kind: "mlp", layer }, values: own(`mlp.${layer}`) });
  }
  return { index, writes, final: own("final"), patterns };
}

function integers(shape: readonly number[], data: readonly number[]): HostTensor {
  return { type: "int64", shape: [...shape], data: BigInt64Array.from(data, BigInt) };
}
