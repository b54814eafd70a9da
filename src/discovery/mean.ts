/** The mean over the prompts, on which a search bases its decisions. */

/** The mean over the prompts. @param weights how many times each of them counts; left out: once. */
export function mean(values: Float64Array, weights?: readonly number[]): number {
  if (weights === undefined) return values.reduce((sum, value) => sum + value, 0) / values.length;
  const sum = values.reduce((total, value, index) => total + (weights[index] ?? 0) * value, 0);
  return sum / weights.reduce((total, weight) => total + weight, 0);
}
