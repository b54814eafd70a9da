/**
 * Times several ways of doing the same thing. Machines drift, so they take turns, each run of one beside a run
 * of the others; the median counts, and the spread is told with it.
 */

export interface Timing {
  /** Milliseconds a run. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many runs were counted. */
  readonly runs: number;
}

export interface LatencyOptions {
  /** Runs of each that are not counted. */
  readonly warmUp?: number;
  /** Counted runs of each at most, and at least three. */
  readonly runs?: number;
  /** Milliseconds after which no further round is begun. */
  readonly budget?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Each gives the milliseconds that it wants to be counted. */
export async function timeInTurns(
  a: () => Promise<number>,
  b: () => Promise<number>,
  options: LatencyOptions = {},
): Promise<readonly [Timing, Timing]> {
  const [first, second] = await timeAllInTurns([a, b], options);
  if (first === undefined || second === undefined) throw new RangeError("two were timed");
  return [first, second];
}

/** @param works each gives the milliseconds that it wants to be counted. @returns a timing for each. */
export async function timeAllInTurns(
  works: readonly (() => Promise<number>)[],
  { warmUp = 3, runs = 200, budget = 2000, signal }: LatencyOptions = {},
): Promise<readonly Timing[]> {
  for (let run = 0; run < warmUp; run++) {
    for (const work of works) {
      signal?.throwIfAborted();
      await work();
    }
  }
  const times: number[][] = works.map(() => []);
  const begin = performance.now();
  for (let run = 0; run < runs && (run < 3 || performance.now() - begin < budget); run++) {
    for (const [index, work] of works.entries()) {
      signal?.throwIfAborted();
      times[index]?.push(await work());
    }
  }
  return times.map(summarize);
}

/** Median (the mean of the two middle ones, where there are two), minimum and maximum. */
export function summarize(times: readonly number[]): Timing {
  const sorted = [...times].sort((x, y) => x - y);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return {
    median: middle.reduce((sum, time) => sum + time, 0) / middle.length,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    runs: times.length,
  };
}
