/** Arithmetic on rows of logits, in float64. */

// Indexed loops: rows have the length of a vocabulary, sweeps process thousands of them, and iterators take five
// times as long.

/** The log softmax of a row. */
export function logProbabilities(logits: Float32Array): Float64Array {
  const normalizer = logSumExp(logits);
  const result = new Float64Array(logits.length);
  for (let token = 0; token < logits.length; token++) result[token] = (logits[token] as number) - normalizer;
  return result;
}

/** log Σ exp of a row. */
export function logSumExp(logits: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] as number;
    if (logit > largest) largest = logit;
  }
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp((logits[token] as number) - largest);
  return largest + Math.log(sum);
}

/** KL(P‖Q) = Σ P (log P − log Q) in nats, of two rows of logits. */
export function klDivergence(p: Float32Array, q: Float32Array): number {
  const [normalizerP, normalizerQ] = [logSumExp(p), logSumExp(q)];
  let kl = 0;
  for (let token = 0; token < p.length; token++) {
    const logP = (p[token] as number) - normalizerP;
    kl += Math.exp(logP) * (logP - ((q[token] as number) - normalizerQ));
  }
  return kl;
}

/** The index of the largest entry; the first one of equal entries. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if ((logits[token] as number) > (logits[best] as number)) best = token;
  }
  return best;
}

/** The token with the largest logit among the given tokens; the first one of equal logits. */
export function largestAmong(tokens: readonly number[], logits: Float32Array): number | undefined {
  let best: number | undefined;
  for (const token of tokens) {
    if (best === undefined || (logits[token] ?? Number.NaN) > (logits[best] ?? Number.NaN)) best = token;
  }
  return best;
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`rows of ${a.length} and ${b.length} entries`);
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const difference = Math.abs(value - (b[index] ?? 0));
    // NaN must not count as agreement.
    if (Number.isNaN(difference)) return difference;
    if (difference > largest) largest = difference;
  }
  return largest;
}
