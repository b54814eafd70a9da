/**
 * Groups prompts into batches of one length, so that no prompt is padded and none can affect another's result. A
 * batch is also short enough for its widest activation to stay in the processor's cache, which saves a tenth of
 * the time of an MLP.
 */
import type { Runtime } from "../runtime/runtime.ts";

export interface Batch {
  /** Indices of the prompts in the set that the batch was made from. */
  readonly members: readonly number[];
  /** Tokens per prompt. */
  readonly length: number;
  /** The members' token ids. */
  readonly ids: readonly (readonly number[])[];
}

/** Measured on GPT-2's shape: larger batches are not faster, smaller ones cost more calls. */
const defaultTokensPerBatch = 1024;

/**
 * For a graphics card, where starting a computation costs as much as a small one: limits an MLP's hidden
 * activations to 200 MB at GPT-2 small's width.
 */
const tokensPerBatchOnCard = 16_384;

/** How many tokens go through the graphs at once on this device, in its room. */
export function tokensAtOnce({ device, room }: Pick<Runtime, "device" | "room">): number {
  return room?.tokensAtOnce ?? (device === "webgpu" ? tokensPerBatchOnCard : defaultTokensPerBatch);
}

export function makeBatches(
  prompts: readonly (readonly number[])[],
  tokensPerBatch: number = defaultTokensPerBatch,
): readonly Batch[] {
  const byLength = new Map<number, number[]>();
  for (const [index, ids] of prompts.entries()) {
    const members = byLength.get(ids.length) ?? [];
    members.push(index);
    byLength.set(ids.length, members);
  }
  const batches: Batch[] = [];
  for (const [length, members] of byLength) {
    // Parts of nearly equal size, because a small rest would waste a call.
    const parts = Math.ceil((members.length * length) / tokensPerBatch);
    const size = Math.ceil(members.length / Math.max(1, parts));
    for (let start = 0; start < members.length; start += size) {
      const part = members.slice(start, start + size);
      batches.push({ members: part, length, ids: part.map((index) => prompts[index] ?? []) });
    }
  }
  return batches;
}
