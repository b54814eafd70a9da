/** The original's last step: from rows of the residual stream to logits over the whole vocabulary. */
import { unembedStage } from "../lowering/stages.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { vocabularyParts } from "../transformer/vocabulary-parts.ts";

export interface Unembedding {
  /** @param rows [count, d], after the last layer. @returns [count, vocabulary]. */
  logits(rows: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;
  unload(): Promise<void>;
}

/** @param most elements of one part of the matrix, which are loaded one after another. */
export async function loadUnembedding(
  runtime: Runtime,
  model: Transformer,
  most?: number,
): Promise<Unembedding> {
  const parts: { readonly start: number; readonly size: number; readonly session: Session }[] = [];
  for (const { start, model: part } of vocabularyParts(model, most)) {
    parts.push({ start, size: part.vocabularySize, session: await runtime.load(unembedStage(part)) });
  }
  const { width, vocabularySize } = model;
  return {
    async logits(data) {
      const count = data.length / width;
      let whole: Float32Array<ArrayBuffer> | undefined;
      for (const { start, size, session } of parts) {
        const { logits } = await session.run({ x: { type: "float32", shape: [count, width], data } });
        if (logits === undefined) throw new TypeError("the unembedding lacks its output");
        const values = await runtime.readFloats(logits);
        await runtime.release(logits);
        if (parts.length === 1) return values;
        whole ??= new Float32Array(count * vocabularySize);
        for (let row = 0; row < count; row++) {
          whole.set(values.subarray(row * size, (row + 1) * size), row * vocabularySize + start);
        }
      }
      return whole ?? new Float32Array();
    },
    async unload() {
      for (const { session } of parts) await session.unload();
    },
  };
}
