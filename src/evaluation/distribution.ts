/** Arithmetic on rows of logits, in float64. */

/** log softmax of a row. */
export function logProbabilities(logits: Float32Array): Float64Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) largest = Math.max(largest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  const normalizer = largest + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - normalizer);
}

/** KL(P‖Q) = Σ P (log P − log Q) in nats, of two rows of logits. */
export function klDivergence(p: Float32Array, q: Float32Array): number {
  const logP = logProbabilities(p);
  const logQ = logProbabilities(q);
  let kl = 0;
  for (const [token, log] of logP.entries()) kl += Math.exp(log) * (log - (logQ[token] ?? 0));
  return kl;
}

/** The index of the largest entry, the first of equal ones. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (const [token, logit] of logits.entries()) if (logit > (logits[best] ?? 0)) best = token;
  return best;
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`rows of ${a.length} and ${b.length} entries`);
  let largest = 0;
  for (const [index, value] of a.entries()) {
    const difference = Math.abs(value - (b[index] ?? 0));
    // NaN must not pass for agreement, wherever it is.
    if (Number.isNaN(difference)) return difference;
    if (difference > largest) largest = difference;
  }
  return largest;
}
