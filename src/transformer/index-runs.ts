/**
 * Lists of indices in a short form: "0-3, 5" for 0, 1, 2, 3 and 5. A layer has thousands of neurons, and kept
 * ones often come in runs.
 */

/** Indices that follow one another. */
interface IndexRun {
  readonly first: number;
  readonly last: number;
}

/** @param indices ascending, each once. */
export function formatIndices(indices: readonly number[]): string {
  return indexRuns(indices)
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(", ");
}

/** The longest runs of indices that follow one another. @param indices ascending, each once. */
export function indexRuns(indices: readonly number[]): readonly IndexRun[] {
  const runs: { first: number; last: number }[] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run !== undefined && index === run.last + 1) run.last = index;
    else runs.push({ first: index, last: index });
  }
  return runs;
}

/**
 * @param count indices must be below this; the list is built only after every run was checked.
 * @returns the indices, ascending; or what is wrong with the text, a message that follows the field's name.
 */
export function parseIndices(text: string, count: number): readonly number[] | { readonly fault: string } {
  const runs: IndexRun[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^ *(0|[1-9]\d{0,9})(?:-(0|[1-9]\d{0,9}))? *$/.exec(part) ?? [];
    if (first === undefined) return { fault: 'must list numbers and runs of them, as "0-3, 5"' };
    const run = { first: Number(first), last: Number(last) };
    if (run.last < run.first || run.first <= (runs.at(-1)?.last ?? -1)) {
      return { fault: "must list each number once, ascending" };
    }
    if (run.last >= count) return { fault: `lists ${run.last}, but there are only ${count}` };
    runs.push(run);
  }
  return runs.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
}
