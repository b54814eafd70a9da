/**
 * A model's logits at the answer positions, computed prompt by prompt and layer by layer, so that only one layer
 * is in memory at a time. With gates it is the patched model. It is slower than a graph of the whole model, but
 * independent of surgery and of the shipped lowering, so exports are verified against it.
 */
import { type Batch, makeBatches } from "../discovery/batch.ts";
import { type ForwardOptions, forward } from "../discovery/forward.ts";
import { loadUnembedding } from "../discovery/unembedding.ts";
import { closeStream, dropStreams, openStream } from "../discovery/waiting-streams.ts";
import type { DeviceTensor, Runtime } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { requireFinite } from "./finite-logits.ts";

/** A prompt and the positions whose logits are asked for; an encoded example is one. */
export interface ScoredPrompt {
  /** Token ids: the prompt, and the answer's tokens but its last. */
  readonly forced: readonly number[];
  /** At how many of the last positions logits are asked for; at least 1. */
  readonly scored: number;
}

/**
 * Called once for each prompt, in any order, with its index in the set and its logits [scored, vocabulary]. The
 * logits are overwritten afterwards: copy what you keep.
 */
export type VisitLogits = (index: number, logits: Float32Array) => void;

/** A prompt with logits at its last position only. */
export function scoredAtEnd(ids: readonly number[]): ScoredPrompt {
  return { forced: ids, scored: 1 };
}

/** Positions whose logits are computed in one run. */
const rowsPerRun = 64;

/** @throws PithError "runtime" for NaN. */
export async function answerLogits(
  runtime: Runtime,
  model: Transformer,
  prompts: readonly ScoredPrompt[],
  visit: VisitLogits,
  options: Pick<ForwardOptions, "gates" | "signal"> = {},
): Promise<void> {
  const batches = makeBatches(
    prompts.map(({ forced }) => forced),
    runtime.room?.tokensAtOnce,
  );
  const final = (await forward(runtime, model, batches, options)).at(-1) ?? [];
  const unembedding = await loadUnembedding(runtime, model);
  for (const [index, batch] of batches.entries()) {
    const stream = final[index];
    if (stream === undefined) throw new RangeError("a batch without a residual stream");
    const tensor = await openStream(runtime, stream);
    const positions = await answerPositions(runtime, tensor, batch, prompts, model.width);
    await closeStream(runtime, stream, tensor);
    await dropStreams(runtime, [stream]);
    for (const part of inRuns(positions)) {
      options.signal?.throwIfAborted();
      const rows = part.map(({ residual }) => residual);
      const logits = await unembedding.logits(joined(rows));
      let start = 0;
      for (const { member, residual } of part) {
        const end = start + (residual.length / model.width) * model.vocabularySize;
        const scores = logits.subarray(start, end);
        requireFinite(scores, "model");
        visit(member, scores);
        start = end;
      }
    }
  }
  await unembedding.unload();
}

/** The residual stream of one prompt at its answer positions, [scored × d]. */
interface AnswerPositions {
  readonly member: number;
  readonly scored: number;
  readonly residual: Float32Array;
}

async function answerPositions(
  runtime: Runtime,
  tensor: DeviceTensor,
  batch: Batch,
  prompts: readonly ScoredPrompt[],
  width: number,
): Promise<readonly AnswerPositions[]> {
  const values = await runtime.readFloats(tensor);
  const stride = batch.length * width;
  return batch.members.map((member, at) => {
    const scored = prompts[member]?.scored ?? 1;
    const end = (at + 1) * stride;
    return { member, scored, residual: values.subarray(end - scored * width, end) };
  });
}

/** Groups whole prompts up to the number of rows of a run; a longer prompt gets a run of its own. */
function inRuns(positions: readonly AnswerPositions[]): readonly (readonly AnswerPositions[])[] {
  const runs: AnswerPositions[][] = [];
  let rows = rowsPerRun;
  for (const each of positions) {
    rows += each.scored;
    if (rows > rowsPerRun) {
      runs.push([]);
      rows = each.scored;
    }
    runs.at(-1)?.push(each);
  }
  return runs;
}

function joined(rows: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const data = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    data.set(row, at);
    at += row.length;
  }
  return data;
}
