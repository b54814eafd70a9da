/** Runs whole models for tests: the logits at the answer position, in each of the possible ways. */

import { patchedGates } from "../../src/cut/patched.ts";
import { makeBatches } from "../../src/discovery/batch.ts";
import type { StreamConstants } from "../../src/discovery/gates/gate-passes.ts";
import type { Replacements } from "../../src/discovery/replacements.ts";
import { lowerAligned } from "../../src/lowering/aligned.ts";
import { lowerDecoder } from "../../src/lowering/decoder.ts";
import { asFolded } from "../../src/lowering/fold-constants.ts";
import type { OperatorSet } from "../../src/lowering/operator-set.ts";
import { answerLogits, scoredAtEnd } from "../../src/measure/answer-logits.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../src/runtime/runtime.ts";
import type { Circuit } from "../../src/transformer/circuit.ts";
import type { AnyTransformer, Attention, Transformer } from "../../src/transformer/transformer.ts";

type Prompts = readonly (readonly number[])[];

const int64 = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  type: "int64",
  shape,
  data: BigInt64Array.from(values, BigInt),
});

/** The original's weights, with replacements switched in. */
export async function patchedLogits(
  runtime: Runtime,
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  prompts: Prompts,
  added?: StreamConstants,
): Promise<Float32Array[]> {
  return collect(prompts, (visit) =>
    answerLogits(runtime, model, prompts.map(scoredAtEnd), visit, {
      gates: patchedGates(model, circuit, replacements, added),
    }),
  );
}

export async function originalLogits(
  runtime: Runtime,
  model: Transformer,
  prompts: Prompts,
): Promise<Float32Array[]> {
  return collect(prompts, (visit) => answerLogits(runtime, model, prompts.map(scoredAtEnd), visit));
}

/** Prompts of one length. */
export async function alignedLogits(
  runtime: Runtime,
  model: AnyTransformer,
  prompts: Prompts,
  target: OperatorSet = "portable",
): Promise<Float32Array[]> {
  const session = await runtime.load(lowerAligned(asFolded(model), prompts[0]?.length ?? 0, target));
  return runAligned(runtime, session, prompts);
}

export async function runAligned(
  runtime: Runtime,
  session: Session,
  prompts: Prompts,
): Promise<Float32Array[]> {
  return collect(prompts, async (visit) => {
    for (const { ids, members, length } of makeBatches(prompts)) {
      const { logits } = await session.run({ input_ids: int64([ids.length, length], ids.flat()) });
      const values = await runtime.readFloats(found(logits));
      const size = values.length / ids.length;
      for (const [row, member] of members.entries())
        visit(member, values.subarray(row * size, (row + 1) * size));
    }
  });
}

/** A decoder-profile session as a function; the caller makes and keeps the caches. */
export interface DecoderStep {
  /** [batch][sequence][vocabulary]. */
  readonly logits: readonly (readonly Float32Array[])[];
  readonly cache: Readonly<Record<string, DeviceTensor>>;
}

export async function decoderStep(
  runtime: Runtime,
  session: Session,
  model: AnyTransformer,
  feeds: { readonly ids: Prompts; readonly mask: Prompts; readonly positions: Prompts },
  cache: Readonly<Record<string, HostTensor | DeviceTensor>> = emptyCache(model, feeds.ids.length),
): Promise<DecoderStep> {
  const tensor = (rows: Prompts) => int64([rows.length, rows[0]?.length ?? 0], rows.flat());
  const { logits, ...presents } = await session.run({
    input_ids: tensor(feeds.ids),
    attention_mask: tensor(feeds.mask),
    position_ids: tensor(feeds.positions),
    ...cache,
  });
  const values = await runtime.readFloats(found(logits));
  const size = model.vocabularySize;
  const sequence = feeds.ids[0]?.length ?? 0;
  return {
    logits: feeds.ids.map((_, row) =>
      Array.from({ length: sequence }, (_, at) =>
        values.subarray((row * sequence + at) * size, (row * sequence + at + 1) * size),
      ),
    ),
    cache: Object.fromEntries(
      Object.entries(presents).map(([name, held]) => [name.replace("present", "past_key_values"), held]),
    ),
  };
}

/** @param cacheHeads how many heads each cache has; left out: as many as its layer keeps. */
export function emptyCache(
  model: AnyTransformer,
  batch: number,
  cacheHeads?: number,
): Record<string, HostTensor> {
  // Caches of one number of heads have one width too.
  const widths = ({ headWidth, valueWidth }: Attention) => ({
    key: headWidth,
    value: cacheHeads === undefined ? (valueWidth ?? headWidth) : headWidth,
  });
  const caches = model.blocks.flatMap(({ attention }) => attention ?? []);
  return Object.fromEntries(
    caches.flatMap((attention, index) =>
      Object.entries(widths(attention)).map(([part, width]) => [
        `past_key_values.${index}.${part}`,
        {
          type: "float32",
          shape: [batch, cacheHeads ?? attention.keyValueHeads.length, 0, width],
          data: new Float32Array(),
        } as const,
      ]),
    ),
  );
}

/** Batches of prompts of one length, without padding or cache. */
export async function decoderLogits(
  runtime: Runtime,
  model: AnyTransformer,
  prompts: Prompts,
  target: OperatorSet = "portable",
): Promise<Float32Array[]> {
  const session = await runtime.load(lowerDecoder(asFolded(model), target));
  return runDecoder(runtime, session, model, prompts);
}

export async function runDecoder(
  runtime: Runtime,
  session: Session,
  model: AnyTransformer,
  prompts: Prompts,
): Promise<Float32Array[]> {
  return collect(prompts, async (visit) => {
    for (const { ids, members } of makeBatches(prompts)) {
      const mask = ids.map((row) => row.map(() => 1));
      const positions = ids.map((row) => row.map((_, at) => at));
      const { logits } = await decoderStep(runtime, session, model, { ids, mask, positions });
      for (const [row, member] of members.entries()) visit(member, found(logits[row]?.at(-1)));
    }
  });
}

async function collect(
  prompts: Prompts,
  run: (visit: (index: number, logits: Float32Array) => void) => Promise<void>,
): Promise<Float32Array[]> {
  const rows = new Map<number, Float32Array>();
  await run((index, logits) => rows.set(index, logits.slice()));
  return prompts.map((_, index) => found(rows.get(index)));
}

export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("something that must be there is not");
  return value;
}
