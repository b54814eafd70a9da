/**
 * The attention of the layer on trial, run once for the layer. It does not depend on which heads are kept,
 * because a head's write is subtracted from the sum afterwards.
 */
import { joinFloats } from "../../join-floats.ts";
import type { Queries } from "../../lowering/attention.ts";
import { placeFeeds } from "../../lowering/places.ts";
import type { DeviceTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { Attention } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import type { Group } from "./answer-rows.ts";

export interface AttentionRun {
  /** Which prompts each tensor holds. */
  readonly groups: readonly Group[];
  /**
   * For each group the heads' values before W_O, [prompts, positions, heads × headWidth]; empty without heads.
   */
  readonly z: readonly DeviceTensor[];
  /** For each group the residual stream after all heads, at the positions of the queries. */
  readonly sum: readonly DeviceTensor[];
}

/**
 * @param heads the layer's, with `trialAttention`'s session; undefined for a layer without heads, whose `sum` is
 * `residual` itself if all positions are needed.
 * @param residual before the layer, for each batch.
 */
export async function runTrialAttention(
  runtime: Runtime,
  heads: TrialHeads | undefined,
  batches: readonly Batch[],
  residual: readonly DeviceTensor[],
  queries: Queries,
): Promise<AttentionRun> {
  const { z, sum } =
    heads === undefined
      ? { z: [], sum: await withoutAttention(runtime, residual, queries) }
      : await runSession(heads, batches, residual, queries);
  const groups =
    queries === "all" || batches.length <= 1
      ? batches
      : [{ members: batches.flatMap(({ members }) => members), length: 1 }];
  return {
    groups,
    z: await groupTensors(runtime, z, queries),
    sum: await groupTensors(runtime, sum, queries),
  };
}

/** If only the last position counts, a batch is a few rows, so all prompts go together. */
export async function groupTensors(
  runtime: Runtime,
  tensors: readonly DeviceTensor[],
  queries: Queries,
): Promise<readonly DeviceTensor[]> {
  return queries === "all" || tensors.length <= 1 ? tensors : [await concatenate(runtime, tensors)];
}

/** The heads of a layer, and the session that runs them. */
interface TrialHeads {
  readonly attention: Attention;
  readonly session: Session;
}

async function runSession(
  { attention, session }: TrialHeads,
  batches: readonly Batch[],
  residual: readonly DeviceTensor[],
  queries: Queries,
): Promise<Pick<AttentionRun, "z" | "sum">> {
  const outputs: { readonly z: DeviceTensor; readonly sum: DeviceTensor }[] = [];
  for (const [index, batch] of batches.entries()) {
    const x = residual[index];
    if (x === undefined) throw new RangeError("a batch without a residual stream");
    const feeds = placeFeeds([{ attention, queries }], batch.length);
    const { z, sum } = await session.run({ x, ...feeds });
    if (z === undefined || sum === undefined) throw new TypeError("attention lacks an output");
    outputs.push({ z, sum });
  }
  return { z: outputs.map(({ z }) => z), sum: outputs.map(({ sum }) => sum) };
}

/** The residual stream at the queries' positions, unchanged because no head adds to it. */
export async function withoutAttention(
  runtime: Runtime,
  residual: readonly DeviceTensor[],
  queries: Queries,
): Promise<readonly DeviceTensor[]> {
  if (queries === "all") return residual;
  return Promise.all(
    residual.map(async (tensor) => {
      const [prompts = 0, length = 0, width = 0] = tensor.shape;
      const values = await runtime.readFloats(tensor);
      const data = new Float32Array(prompts * width);
      for (let prompt = 0; prompt < prompts; prompt++) {
        const end = (prompt + 1) * length * width;
        data.set(values.subarray(end - width, end), prompt * width);
      }
      return runtime.upload({ type: "float32", shape: [prompts, 1, width], data });
    }),
  );
}

/** Joins tensors along their first axis, and releases them. */
async function concatenate(runtime: Runtime, tensors: readonly DeviceTensor[]): Promise<DeviceTensor> {
  const parts: Float32Array[] = [];
  for (const tensor of tensors) parts.push(await runtime.readFloats(tensor));
  const data = joinFloats(parts);
  await runtime.release(...tensors);
  const first = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return runtime.upload({ type: "float32", shape: [first, ...(tensors[0]?.shape.slice(1) ?? [])], data });
}
