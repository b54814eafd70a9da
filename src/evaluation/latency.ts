/**
 * Times two ways of doing the same thing. Machines drift, so the two take turns, each run of one beside a run
 * of the other; the median counts, and the spread is told with it.
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
  /** Milliseconds after which no further pair is begun. */
  readonly budget?: number;
  readonly signal?: AbortSignal | undefined;
}

export async function timeInTurns(
  a: () => Promise<void>,
  b: () => Promise<void>,
  { warmUp = 3, runs = 200, budget = 2000, signal }: LatencyOptions = {},
): Promise<readonly [Timing, Timing]> {
  for (let run = 0; run < warmUp; run++) {
    await a();
    await b();
  }
  const times: [number[], number[]] = [[], []];
  const begin = performance.now();
  for (let run = 0; run < runs && (run < 3 || performance.now() - begin < budget); run++) {
    signal?.throwIfAborted();
    times[0].push(await timed(a));
    times[1].push(await timed(b));
  }
  return [summarize(times[0]), summarize(times[1])];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
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
