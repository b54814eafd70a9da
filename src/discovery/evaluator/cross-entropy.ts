/**
 * H(P, Q) in nats for rows of the residual stream before the final norm: P is the original's distribution, Q the
 * rows' own. Only a limited number of rows of logits is computed at a time. `scoreReference` explains why P
 * itself is never stored.
 */
import { joinFloats } from "../../join-floats.ts";
import { score, scoreReference } from "../../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import {
  loadScoreParts,
  referenceOfParts,
  type ScoringPart,
  scoringParts,
  type VocabularyScores,
} from "./score-parts.ts";

export interface CrossEntropy {
  /** The original's most likely token for each row. */
  readonly predictions: readonly number[];
  /** How many sets of rows fit into one run. */
  readonly setsPerRun: number;
  /** @param rows [count, d]. @param constant [1, d], added before the final norm. @returns one number a row. */
  ofRows(rows: Float32Array<ArrayBuffer>, constant: HostTensor): Promise<Float64Array>;
  /** The same for several sets of rows in one run; at most `setsPerRun`. */
  ofSets(sets: readonly Float32Array<ArrayBuffer>[], constant: HostTensor): Promise<readonly Float64Array[]>;
  /** The same for some of the rows. @param indices of these, in the order of `rows`. */
  ofSome(
    indices: readonly number[],
    rows: Float32Array<ArrayBuffer>,
    constant: HostTensor,
  ): Promise<Float64Array>;
  close(): Promise<void>;
}

/**
 * Positions scored in one run, which limits the number of logits. A graphics card gets more at once (206 MB of
 * GPT-2's logits), because starting a run costs as much as a small one.
 */
export const rowsPerRunOn = { cpu: 256, webgpu: 1024 } as const;

/**
 * @param original the original's rows [count, d], whose distribution is P.
 * @param most elements of a part of the unembedding: see `vocabularyParts`.
 */
export async function createCrossEntropy(
  runtime: Runtime,
  model: Transformer,
  original: Float32Array<ArrayBuffer>,
  most?: number,
): Promise<CrossEntropy> {
  const { width } = model;
  const count = original.length / width;
  const rowsPerRun = rowsPerRunOn[runtime.device];
  const parts = Array.from({ length: Math.ceil(count / rowsPerRun) }, (_, part): Part => {
    const start = part * rowsPerRun;
    return { start, end: Math.min(count, start + rowsPerRun) };
  });
  const vocabulary = scoringParts(model, most);
  const inParts = vocabulary.length > 1;
  const { targets, predictions } = inParts
    ? await runReferenceOfParts(runtime, vocabulary, original, parts)
    : await runReference(runtime, model, original, parts);
  const scores = inParts
    ? await loadScoreParts(runtime, vocabulary)
    : wholeScores(runtime, await runtime.load(score(model)));
  let hostTargets: Promise<{ readonly data: Float32Array; readonly width: number }> | undefined;
  return {
    predictions,
    setsPerRun: Math.max(1, Math.floor(rowsPerRun / count)),
    async ofRows(rows, constant) {
      const values = new Float64Array(count);
      for (const [index, part] of parts.entries()) {
        const target = targets[index];
        if (target === undefined) throw new RangeError("a part without a target");
        values.set(await scores.run({ x: rowsOf(rows, width, part), constant, target }), part.start);
      }
      return values;
    },
    async ofSome(indices, rows, constant) {
      // Read once for all candidates; most searches never ask.
      hostTargets ??= readTargets(runtime, targets);
      const { data, width: targetWidth } = await hostTargets;
      const values = new Float64Array(indices.length);
      for (let start = 0; start < indices.length; start += rowsPerRun) {
        const some = indices.slice(start, start + rowsPerRun);
        const target = new Float32Array(some.length * targetWidth);
        for (const [at, row] of some.entries())
          target.set(data.subarray(row * targetWidth, (row + 1) * targetWidth), at * targetWidth);
        const own = rowsOf(rows, width, { start, end: start + some.length });
        const shape = [some.length, targetWidth];
        values.set(
          await scores.run({ x: own, constant, target: { type: "float32", shape, data: target } }),
          start,
        );
      }
      return values;
    },
    async ofSets(sets, constant) {
      const [first] = targets;
      if (first === undefined) throw new RangeError("no target");
      const own = await runtime.readFloats(first);
      const target = stacked(
        sets.map(() => own),
        own.length / count,
      );
      const values = await scores.run({ x: stacked(sets, width), constant, target });
      return sets.map((_, index) => Float64Array.from(values.subarray(index * count, (index + 1) * count)));
    },
    async close() {
      await scores.unload();
      await runtime.release(...targets);
    },
  };
}

/** All targets, row by row. */
async function readTargets(
  runtime: Runtime,
  targets: readonly DeviceTensor[],
): Promise<{ readonly data: Float32Array; readonly width: number }> {
  const width = targets[0]?.shape[1] ?? 0;
  const parts: Float32Array[] = [];
  for (const target of targets) parts.push(await runtime.readFloats(target));
  const data = joinFloats(parts);
  return { data, width };
}

/** The scores of a vocabulary that is one part. */
function wholeScores(runtime: Runtime, session: Session): VocabularyScores {
  return {
    async run(feeds) {
      const { crossEntropy: output } = await session.run(feeds);
      if (output === undefined) throw new TypeError("the score lacks its output");
      const values = await runtime.readFloats(output);
      await runtime.release(output);
      return values;
    },
    unload: () => session.unload(),
  };
}

/** Rows that are scored in one run: from `start` to before `end`. */
interface Part {
  readonly start: number;
  readonly end: number;
}

/** The references for the rows of each part. The unembedding is released when the reference has run. */
async function runReference(
  runtime: Runtime,
  model: Transformer,
  original: Float32Array<ArrayBuffer>,
  parts: readonly Part[],
): Promise<{ readonly targets: readonly DeviceTensor[]; readonly predictions: readonly number[] }> {
  const reference = await runtime.load(scoreReference(model), { once: true });
  const targets: DeviceTensor[] = [];
  const predictions: number[] = [];
  for (const part of parts) {
    const { target, prediction } = await reference.run({ x: rowsOf(original, model.width, part) });
    if (target === undefined || prediction === undefined)
      throw new TypeError("the reference lacks an output");
    targets.push(target);
    predictions.push(...(await runtime.readIntegers(prediction)));
    await runtime.release(prediction);
  }
  await reference.unload();
  return { targets, predictions };
}

/** The same over a vocabulary in parts. */
async function runReferenceOfParts(
  runtime: Runtime,
  vocabulary: readonly ScoringPart[],
  original: Float32Array<ArrayBuffer>,
  parts: readonly Part[],
): Promise<{ readonly targets: readonly DeviceTensor[]; readonly predictions: readonly number[] }> {
  const { width = 0 } = vocabulary[0]?.model ?? {};
  const rows = parts.map((part) => rowsOf(original, width, part));
  const found = await referenceOfParts(runtime, vocabulary, rows);
  const targets: DeviceTensor[] = [];
  for (const [index, { target: data }] of found.entries()) {
    const count = rows[index]?.shape[0] ?? 0;
    targets.push(await runtime.upload({ type: "float32", shape: [count, data.length / count], data }));
  }
  return { targets, predictions: found.flatMap(({ predictions }) => predictions) };
}

function rowsOf(rows: Float32Array<ArrayBuffer>, width: number, { start, end }: Part): HostTensor {
  return { type: "float32", shape: [end - start, width], data: rows.slice(start * width, end * width) };
}

/** Sets of rows one after another. */
function stacked(sets: readonly Float32Array[], width: number): HostTensor {
  const size = sets[0]?.length ?? 0;
  const data = new Float32Array(sets.length * size);
  for (const [index, set] of sets.entries()) data.set(set, index * size);
  return { type: "float32", shape: [data.length / width, width], data };
}
