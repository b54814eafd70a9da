/**
 * Scores over a vocabulary whose unembedding is loaded in parts. A distribution over all tokens is a distribution over
 * each part, weighted by the part's share of Σ exp. So the parts' results are combined by the logarithms of their sums.
 */
import { scorePart, scoreReferencePart } from "../../lowering/stages.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import { centeredTogether } from "../../transformer/derive.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type VocabularyPart, vocabularyParts } from "../../transformer/vocabulary-parts.ts";

/** A part of the vocabulary with its unembedding as scores read it. */
export interface ScoringPart extends VocabularyPart {
  readonly matrix: Transformer["unembedding"];
}

/** @param most elements of a part: see `vocabularyParts`. */
export function scoringParts(model: Transformer, most?: number): readonly ScoringPart[] {
  const parts = vocabularyParts(model, most);
  const unembeddings = parts.map((part) => part.model.unembedding);
  // As `scoringMatrix` of a whole one.
  const matrices = model.logitCap === undefined ? centeredTogether(unembeddings) : unembeddings;
  return parts.map((part, index) => {
    const matrix = matrices[index];
    if (matrix === undefined) throw new RangeError("a part without its matrix");
    return { ...part, matrix };
  });
}

export interface Reference {
  /** [rows, `targetWidth`]: what candidates are scored against. */
  readonly target: Float32Array<ArrayBuffer>;
  /** The most likely token of each row. */
  readonly predictions: readonly number[];
}

/** @param rows of the original's residual stream, as several tensors [n, d]. @returns the same of each tensor. */
export async function referenceOfParts(
  runtime: Runtime,
  parts: readonly ScoringPart[],
  rows: readonly HostTensor[],
): Promise<readonly Reference[]> {
  const found = rows.map(({ shape, data }) => createSums(shape, data as Float32Array<ArrayBuffer>));
  for (const { start, model, matrix } of parts) {
    const session = await runtime.load(scoreReferencePart(model, matrix), { once: true });
    for (const [at, x] of rows.entries()) {
      const { target, normalizer, best, prediction } = await session.run({ x });
      if (normalizer === undefined || best === undefined || prediction === undefined)
        throw new TypeError("the reference lacks an output");
      found[at]?.add({
        ...{ start, target: target && (await runtime.readFloats(target)) },
        ...{ normalizer: await runtime.readFloats(normalizer), best: await runtime.readFloats(best) },
        prediction: await runtime.readIntegers(prediction),
      });
      await runtime.release(normalizer, best, prediction, ...(target ? [target] : []));
    }
    await session.unload();
  }
  const isCapped = parts[0]?.model.logitCap !== undefined;
  return found.map((sums) => (isCapped ? sums.withNormalizer() : sums.average()));
}

/** The cross entropies of rows, over a vocabulary that is loaded whole or in parts. */
export interface VocabularyScores {
  /** H(P, Q) in nats, one a row. Feeds as those of `scorePart`. */
  run(
    feeds: Readonly<Record<"x" | "constant" | "target", HostTensor | DeviceTensor>>,
  ): Promise<Float32Array | Float64Array>;
  unload(): Promise<void>;
}

export async function loadScoreParts(
  runtime: Runtime,
  parts: readonly ScoringPart[],
): Promise<VocabularyScores> {
  const isCapped = parts[0]?.model.logitCap !== undefined;
  const sessions: { readonly session: Session; readonly asked: boolean }[] = [];
  for (const [index, { model, matrix }] of parts.entries()) {
    const asked = isCapped || index === 0;
    sessions.push({ session: await runtime.load(scorePart(model, matrix, asked)), asked });
  }
  return {
    async run({ x, constant, target }) {
      const normalizers: Float32Array[] = [];
      const expected: Float32Array[] = [];
      for (const { session, asked } of sessions) {
        const out = await session.run({ x, constant, ...(asked && { target }) });
        if (out["normalizer"] === undefined) throw new TypeError("the score lacks its output");
        normalizers.push(await runtime.readFloats(out["normalizer"]));
        if (out["expected"] !== undefined) expected.push(await runtime.readFloats(out["expected"]));
        await runtime.release(...Object.values(out));
      }
      return Float64Array.from(normalizers[0] ?? [], (_, row) => {
        const all = logSumExp(normalizers.map((each) => each[row] ?? Number.NaN));
        return all - expected.reduce((sum, each) => sum + (each[row] ?? Number.NaN), 0);
      });
    },
    async unload() {
      for (const { session } of sessions) await session.unload();
    },
  };
}

interface PartReference {
  /** The part's first token. */
  readonly start: number;
  readonly target: Float32Array | undefined;
  readonly normalizer: Float32Array;
  readonly best: Float32Array;
  readonly prediction: readonly number[];
}

/** What the parts gave for some rows. */
function createSums([count = 0, width = 0]: readonly number[], original: Float32Array<ArrayBuffer>) {
  const given: PartReference[] = [];
  const normalizerOf = (row: number) => logSumExp(given.map(({ normalizer }) => normalizer[row] ?? 0));
  const predictions = () =>
    Array.from({ length: count }, (_, row) => {
      let [token, largest] = [0, Number.NEGATIVE_INFINITY];
      for (const { start, best, prediction } of given) {
        const value = best[row] ?? Number.NEGATIVE_INFINITY;
        if (value > largest) [token, largest] = [start + (prediction[row] ?? 0), value];
      }
      return token;
    });
  return {
    add(part: PartReference) {
      given.push(part);
    },
    /** P U: the parts' averages, each weighted by its share. */
    average(): Reference {
      const sums = new Float64Array(count * width);
      for (let row = 0; row < count; row++) {
        const whole = normalizerOf(row);
        for (const { target, normalizer } of given) {
          const share = Math.exp((normalizer[row] ?? 0) - whole);
          for (let at = row * width; at < (row + 1) * width; at++) {
            sums[at] = (sums[at] as number) + share * (target?.[at] ?? Number.NaN);
          }
        }
      }
      return { target: Float32Array.from(sums), predictions: predictions() };
    },
    /** The original's rows, and behind each the log Σ exp of its logits. */
    withNormalizer(): Reference {
      const target = new Float32Array(count * (width + 1));
      for (let row = 0; row < count; row++) {
        target.set(original.subarray(row * width, (row + 1) * width), row * (width + 1));
        target[row * (width + 1) + width] = normalizerOf(row);
      }
      return { target, predictions: predictions() };
    },
  };
}

function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}
