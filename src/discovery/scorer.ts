/**
 * KL(original ‖ candidate) at the answer position, in nats, from a candidate's residual stream there. The
 * unembedding crosses into the runtime once for the reference and once for all candidates.
 */
import { score, scoreReference } from "../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Batch } from "./batch.ts";
import { type Constant, constantTensor, zeroConstant } from "./constant.ts";

export interface Scorer {
  /** The original's most likely next token for each prompt. */
  readonly predictions: readonly number[];
  /**
   * @param residual for each group [prompts, 1, d] at the answer position; they are not released.
   * @param groups which prompts of the set each tensor holds.
   * @returns KL of each prompt, in the order of the set.
   */
  score(
    residual: readonly DeviceTensor[],
    constant: Constant,
    groups: readonly Group[],
  ): Promise<Float64Array>;
  close(): Promise<void>;
}

/** Prompts that go through the graphs together. */
export type Group = Pick<Batch, "members" | "length">;

/** Prompts scored in one run: bounds the logits to this many rows of the vocabulary. */
const promptsPerRun = 256;

/** @param final the original's residual stream after the last layer, for each batch [prompts, length, d]. */
export async function createScorer(
  runtime: Runtime,
  model: Transformer,
  batches: readonly Batch[],
  final: readonly DeviceTensor[],
): Promise<Scorer> {
  const { width } = model;
  const count = batches.reduce((sum, batch) => sum + batch.members.length, 0);

  const gather = async (
    residual: readonly DeviceTensor[],
    groups: readonly Group[],
  ): Promise<Float32Array<ArrayBuffer>> => {
    const rows = new Float32Array(count * width);
    for (const [index, batch] of groups.entries()) {
      const tensor = residual[index];
      if (tensor === undefined) throw new RangeError("a batch without a residual stream");
      const values = await runtime.readFloats(tensor);
      const stride = values.length / batch.members.length;
      for (const [at, member] of batch.members.entries()) {
        rows.set(values.subarray((at + 1) * stride - width, (at + 1) * stride), member * width);
      }
    }
    return rows;
  };
  const parts = Array.from({ length: Math.ceil(count / promptsPerRun) }, (_, part) => {
    const start = part * promptsPerRun;
    return { start, end: Math.min(count, start + promptsPerRun) };
  });
  const rowsOf = (
    rows: Float32Array<ArrayBuffer>,
    { start, end }: { start: number; end: number },
  ): HostTensor => ({
    type: "float32",
    shape: [end - start, width],
    data: rows.slice(start * width, end * width),
  });

  const original = await gather(final, batches);
  const reference = await runtime.load(scoreReference(model), { once: true });
  const targets: DeviceTensor[] = [];
  const predictions: number[] = [];
  for (const part of parts) {
    const { target, prediction } = await reference.run({ x: rowsOf(original, part) });
    if (target === undefined || prediction === undefined)
      throw new TypeError("the reference lacks an output");
    targets.push(target);
    predictions.push(...(await runtime.readIntegers(prediction)));
    await runtime.release(prediction);
  }
  await reference.unload();

  const session = await runtime.load(score(model));
  const crossEntropy = async (
    rows: Float32Array<ArrayBuffer>,
    constant: HostTensor,
  ): Promise<Float64Array> => {
    const values = new Float64Array(count);
    for (const [index, part] of parts.entries()) {
      const target = targets[index];
      if (target === undefined) throw new RangeError("a part without a target");
      const outputs = await session.run({ x: rowsOf(rows, part), constant, target });
      if (outputs["crossEntropy"] === undefined) throw new TypeError("the score lacks its output");
      values.set(await runtime.readFloats(outputs["crossEntropy"]), part.start);
      await runtime.release(outputs["crossEntropy"]);
    }
    return values;
  };
  // By the same graph as the candidates': what it rounds wrongly in H(P, Q) it rounds wrongly here too.
  const entropy = await crossEntropy(original, constantTensor(zeroConstant(1, width), "last"));

  return {
    predictions,
    async score(residual, constant, groups) {
      const values = await crossEntropy(await gather(residual, groups), constantTensor(constant, "last"));
      return values.map((value, index) => value - (entropy[index] ?? 0));
    },
    async close() {
      await session.unload();
      await runtime.release(...targets);
    },
  };
}
