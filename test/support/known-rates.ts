/** Computes true and false positive rates by set operations, independently of the code that they check. */
export function readRates(
  kept: readonly (readonly number[])[],
  known: readonly (readonly number[])[],
  heads: number,
): { readonly tpr: number; readonly fpr: number } {
  const wanted = new Set(known.map(String));
  const hits = kept.filter((head) => wanted.has(String(head))).length;
  return { tpr: hits / known.length, fpr: (kept.length - hits) / (heads - known.length) };
}
