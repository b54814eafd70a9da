/**
 * Reads some rows of a much larger table, such as the embeddings of a few prompts' tokens: only the parts of the
 * file that contain them are read.
 */
import type { Weight } from "./weight.ts";

/** A gap between two rows that is shorter than this is read too, because a second read takes longer. */
const shortGap = 2 ** 14;
/** Elements of one read. */
const mostAtOnce = 2 ** 21;

/**
 * @param table [rows, width]. @param rows in any order; each may come several times.
 * @returns each row's values, [width].
 */
export async function pickRows(
  table: Weight,
  rows: Iterable<number>,
): Promise<ReadonlyMap<number, Float32Array>> {
  const [height = 0, width = 0] = table.shape;
  const wanted = [...new Set(rows)].sort((a, b) => a - b);
  const last = wanted.at(-1) ?? 0;
  if ((wanted[0] ?? 0) < 0 || last >= height) throw new RangeError(`${table.name} has no row ${last}`);
  const picked = new Map<number, Float32Array>();
  if (table.readRows === undefined) {
    const values = await table.read();
    for (const row of wanted) picked.set(row, values.subarray(row * width, (row + 1) * width));
    return picked;
  }
  for (const run of inRuns(wanted, width)) {
    const start = run[0] ?? 0;
    const values = await table.readRows(start, (run.at(-1) ?? 0) + 1);
    for (const row of run) picked.set(row, values.slice((row - start) * width, (row - start + 1) * width));
  }
  return picked;
}

/** Groups rows that are read together. @param rows ascending. */
function inRuns(rows: readonly number[], width: number): readonly (readonly number[])[] {
  const runs: number[][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    const [first, before] = [run?.[0], run?.at(-1)];
    const joins =
      first !== undefined &&
      before !== undefined &&
      (row - before - 1) * width < shortGap &&
      (row - first + 1) * width <= mostAtOnce;
    if (joins) run?.push(row);
    else runs.push([row]);
  }
  return runs;
}
