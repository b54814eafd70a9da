/**
 * The areas by which MIB's circuit track compares rankings of components (Mueller et al. 2025, arXiv:2504.13151):
 * the faithfulness of circuits of growing size, f(C) = (m(C) − m(∅)) / (m(N) − m(∅)), with m the mean of a metric
 * over prompts, ∅ the model with everything ablated and N the whole model. The track's grid and its rule (the
 * trapezoid over linear shares) are kept to the letter. Half of that area lies between the last two points, so the
 * same areas over the logarithm of the share stand beside them.
 */

/** The shares of the scored components at which MIB measures circuits. */
export const mibShares: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** The areas of one curve of faithfulness. */
export interface FaithfulnessAreas {
  /** MIB's CPR, the area under the curve: larger is better; above 1 the circuits outdo the model. */
  readonly cpr: number;
  /** MIB's CMD, the area between the curve and 1: smaller is better. */
  readonly cmd: number;
  /** The mean faithfulness over the logarithm of the share. */
  readonly logCpr: number;
  /** The mean distance from 1 over the logarithm of the share. */
  readonly logCmd: number;
}

/** How many of the scored components a circuit of this share keeps, as MIB rounds: down. */
export function countAtShare(share: number, scored: number): number {
  return Math.trunc(share * scored);
}

/** @param values the metric's means at {@link mibShares}. @param none and @param whole of ∅ and of the model, which differ. */
export function faithfulnessOf(
  values: readonly number[],
  { none, whole }: { readonly none: number; readonly whole: number },
): readonly number[] {
  return values.map((value) => (value - none) / (whole - none));
}

/**
 * @param faithfulness one value for each of {@link mibShares}.
 * @throws RangeError for another number of values.
 */
export function faithfulnessAreas(faithfulness: readonly number[]): FaithfulnessAreas {
  if (faithfulness.length !== mibShares.length)
    throw new RangeError(`${faithfulness.length} values for ${mibShares.length} shares`);
  const distances = faithfulness.map((value) => Math.abs(1 - value));
  const logs = mibShares.map(Math.log);
  const range = (logs.at(-1) ?? 0) - (logs[0] ?? 0);
  return {
    cpr: trapezoid(mibShares, faithfulness),
    cmd: trapezoid(mibShares, distances),
    logCpr: trapezoid(logs, faithfulness) / range,
    logCmd: trapezoid(logs, distances) / range,
  };
}

function trapezoid(x: readonly number[], y: readonly number[]): number {
  return x.slice(1).reduce((sum, right, index) => {
    const width = right - (x[index] ?? 0);
    return sum + (width * ((y[index] ?? 0) + (y[index + 1] ?? 0))) / 2;
  }, 0);
}
