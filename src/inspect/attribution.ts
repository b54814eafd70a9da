/**
 * Direct logit attribution: what each part of a circuit adds to the answer's logit at the answer position (the
 * residual stream as a sum of parts: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits";
 * logits decomposed in this way: Wang et al. 2022, arXiv:2211.00593, section 3).
 *
 * The final LayerNorm is x ↦ (x − mean x)/σ ⊙ g + b. If σ is fixed at its value for the prompt, this is linear in
 * x. So with x = Σ xᵢ and a direction u, the logit x̂·u is exactly Σ (xᵢ − mean xᵢ)/σ ⊙ g · u + b·u. b·u is
 * counted with the constants. A single logit means nothing, because adding a number to all logits does not change
 * the softmax. So the direction is the answer's unembedding less the vocabulary's mean, or less a rival's.
 */
import type { Runtime } from "../runtime/runtime.ts";
import type { FoldedTransformer, Norm } from "../transformer/transformer.ts";
import { type Observation, observe, type StreamWriter } from "./observe.ts";

/** A prompt whose answer's logit is decomposed. */
export interface AttributedPrompt {
  /** The prompt's token ids. */
  readonly ids: readonly number[];
  /** Accepted tokens; the logit is the mean of theirs. */
  readonly answers: readonly number[];
  /** A token that the answer is compared with. */
  readonly rival?: number;
}

/** Mean and spread over prompts. */
export interface MeanDeviation {
  /** The mean over the prompts. */
  readonly mean: number;
  /** Standard deviation over the prompts, of the sample (n − 1); 0 for one prompt. */
  readonly deviation: number;
}

/** The contribution of each part of a circuit to the answer's logit. */
export interface Attribution {
  /** How many prompts are averaged. */
  readonly prompts: number;
  /**
   * The parts in the order of computing; embedding and constants first. Contributions are differences of logits.
   */
  readonly parts: readonly {
    /** The part that adds to the residual stream. */
    readonly part: StreamWriter;
    /** The contribution to the answer's logit less the mean logit of the vocabulary. */
    readonly centred: MeanDeviation;
    /** The contribution to the answer's logit less the rival's, over the prompts that have a rival. */
    readonly difference?: MeanDeviation;
  }[];
  /** For each prompt the sum over all parts: the circuit's logit of the answer less its mean logit. */
  readonly totals: readonly number[];
}

/**
 * Decomposes the answers' logits, with the final norm fixed at its value for each prompt.
 * @param model a standalone model.
 * @param prompts at least one, each with an answer.
 * @throws RangeError for no prompts, or one without answers.
 */
export async function attributeAnswers(
  runtime: Runtime,
  model: FoldedTransformer,
  prompts: readonly AttributedPrompt[],
  signal?: AbortSignal,
): Promise<Attribution> {
  if (prompts.length === 0) throw new RangeError("no prompts to attribute");
  const directions = await createDirections(model);
  const norm = await readNorm(model.finalNorm);
  const centred: number[][] = [];
  const difference: (readonly number[] | undefined)[] = [];
  let parts: readonly StreamWriter[] = [];
  await observe(
    runtime,
    model,
    prompts.map(({ ids }) => ids),
    (observation) => {
      const prompt = prompts[observation.index];
      if (prompt === undefined) throw new RangeError("an observation without a prompt");
      parts = observation.writes.map(({ part }) => part);
      centred[observation.index] = attribute(observation, norm, directions.centred(prompt.answers));
      difference[observation.index] =
        prompt.rival === undefined
          ? undefined
          : attribute(observation, norm, directions.against(prompt.answers, prompt.rival));
    },
    { signal },
  );
  const rivals = difference.filter((row) => row !== undefined);
  return {
    prompts: prompts.length,
    parts: parts.map((part, at) => ({
      part,
      centred: spread(centred.map((row) => row[at] ?? Number.NaN)),
      ...(rivals.length > 0 && { difference: spread(rivals.map((row) => row[at] ?? Number.NaN)) }),
    })),
    totals: centred.map((row) => row.reduce((sum, value) => sum + value, 0)),
  };
}

/** The values of a final norm's weights. */
export interface NormValues {
  readonly kind: Norm["kind"];
  readonly scale: Float32Array;
  /** Zeros if the norm has no shift. */
  readonly shift: Float32Array;
  readonly epsilon: number;
}

async function readNorm(norm: Norm): Promise<NormValues> {
  const { kind, epsilon } = norm;
  const scale = await norm.scale.read();
  const shift = norm.kind === "layer" ? await norm.shift?.read() : undefined;
  return { kind, scale, shift: shift ?? new Float32Array(scale.length), epsilon };
}

/**
 * The contribution of each write to x̂·u, in the writes' order; the shift's b·u is counted with the constants.
 * @internal
 */
export function attribute(
  { writes, final }: Pick<Observation, "writes" | "final">,
  { kind, scale, shift, epsilon }: NormValues,
  direction: Float64Array,
): number[] {
  const width = final.length;
  // An RMSNorm does not subtract the mean.
  const centres = kind === "layer";
  const mean = centres ? average(final) : 0;
  let variance = 0;
  for (const value of final) variance += (value - mean) ** 2 / width;
  const sigma = Math.sqrt(variance + epsilon);
  // (x − mean x) ⊙ g · u = Σ x (w − mean w) with w = g ⊙ u: the mean can be subtracted from w instead of the
  // stream.
  const reader = direction.map((value, at) => value * (scale[at] ?? 0));
  const offset = centres ? average(reader) : 0;
  let shifted = 0;
  for (const [at, value] of direction.entries()) shifted += value * (shift[at] ?? 0);
  return writes.map(({ part, values }) => {
    let sum = 0;
    for (const [at, value] of reader.entries()) sum += (values[at] ?? 0) * (value - offset);
    return sum / sigma + (part.kind === "constants" ? shifted : 0);
  });
}

interface Directions {
  centred(answers: readonly number[]): Float64Array;
  against(answers: readonly number[], rival: number): Float64Array;
}

/** Rows of the unembedding, in float64. */
async function createDirections({
  unembedding,
  width,
  vocabularySize,
}: FoldedTransformer): Promise<Directions> {
  const table = await unembedding.read();
  const row = (token: number): Float32Array => {
    if (!(token >= 0 && token < vocabularySize)) throw new RangeError(`no token ${token}`);
    return table.subarray(token * width, (token + 1) * width);
  };
  const mean = new Float64Array(width);
  for (let token = 0; token < vocabularySize; token++) {
    for (const [at, value] of row(token).entries()) mean[at] = (mean[at] ?? 0) + value / vocabularySize;
  }
  const less = (answers: readonly number[], other: Float64Array | Float32Array): Float64Array => {
    if (answers.length === 0) throw new RangeError("a prompt without an answer");
    const direction = Float64Array.from(other, (value) => -value);
    for (const token of answers) {
      for (const [at, value] of row(token).entries()) {
        direction[at] = (direction[at] ?? 0) + value / answers.length;
      }
    }
    return direction;
  };
  return {
    centred: (answers) => less(answers, mean),
    against: (answers, rival) => less(answers, row(rival)),
  };
}

function spread(values: readonly number[]): MeanDeviation {
  const mean = average(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] ?? 0;
  return sum / values.length;
}
