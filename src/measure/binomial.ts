/** The one-sided binomial test, with which a circuit is compared with random ones. */

/**
 * P(X ≥ successes) for X binomial: how likely so many successes are where each has the given probability.
 * @param successes from 0 to `trials`. @param probability above 0 and below 1.
 * @throws RangeError for numbers outside these ranges.
 */
export function binomialTail(successes: number, trials: number, probability: number): number {
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= trials && Number.isInteger(trials)))
    throw new RangeError(`${successes} successes of ${trials}`);
  if (!(probability > 0 && probability < 1)) throw new RangeError(`no probability: ${probability}`);
  // In logarithms, because binomial coefficients of some hundred trials overflow a float.
  let logTerm = trials * Math.log(probability);
  let sum = 0;
  for (let count = trials; count >= successes; count--) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(count / (trials - count + 1)) + Math.log((1 - probability) / probability);
  }
  return Math.min(1, sum);
}
