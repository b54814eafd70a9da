/**
 * A model's logits at the answer position, prompt by prompt, computed layer by layer so that no more than one
 * layer is held. With gates it is the patched model. Slower than a whole graph, and independent of surgery
 * and of the lowering that is shipped: what is exported is verified against this.
 */
import { makeBatches } from "../discovery/batch.ts";
import { type ForwardOptions, forward } from "../discovery/forward.ts";
import { unembed } from "../lowering/stages.ts";
import type { DeviceTensor, Runtime, Session } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";

/** Called once for each prompt, in any order, with its index in the set and its logits [vocabulary]. */
export type VisitLogits = (index: number, logits: Float32Array) => void;

/** Prompts whose logits are computed in one run. */
const promptsPerRun = 64;

export async function answerLogits(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly (readonly number[])[],
  visit: VisitLogits,
  options: Pick<ForwardOptions, "gates" | "signal"> = {},
): Promise<void> {
  const batches = makeBatches(prompts);
  const final = (await forward(runtime, model, batches, options)).at(-1) ?? [];
  const session = await runtime.load(unembed(model));
  for (const [index, batch] of batches.entries()) {
    const tensor = final[index];
    if (tensor === undefined) throw new RangeError("a batch without a residual stream");
    const rows = await lastPositions(runtime, tensor, model.width);
    await runtime.release(tensor);
    for (let start = 0; start < rows.length; start += promptsPerRun) {
      options.signal?.throwIfAborted();
      const part = rows.slice(start, start + promptsPerRun);
      const logits = await runUnembedding(runtime, session, part, model.width);
      for (const at of part.keys()) {
        const member = batch.members[start + at];
        if (member === undefined) throw new RangeError("a row without a prompt");
        visit(member, logits.subarray(at * model.vocabularySize, (at + 1) * model.vocabularySize));
      }
    }
  }
  await session.unload();
}

async function lastPositions(runtime: Runtime, tensor: DeviceTensor, width: number): Promise<Float32Array[]> {
  const values = await runtime.readFloats(tensor);
  const prompts = tensor.shape[0] ?? 0;
  const stride = values.length / prompts;
  return Array.from({ length: prompts }, (_, prompt) =>
    values.subarray((prompt + 1) * stride - width, (prompt + 1) * stride),
  );
}

async function runUnembedding(
  runtime: Runtime,
  session: Session,
  rows: readonly Float32Array[],
  width: number,
): Promise<Float32Array> {
  const data = new Float32Array(rows.length * width);
  for (const [index, row] of rows.entries()) data.set(row, index * width);
  const { logits } = await session.run({ x: { type: "float32", shape: [rows.length, width], data } });
  if (logits === undefined) throw new TypeError("the unembedding lacks its output");
  const values = await runtime.readFloats(logits);
  await runtime.release(logits);
  return values;
}
