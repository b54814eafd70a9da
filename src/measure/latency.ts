/**
 * Times several ways of doing the same thing. A machine's speed drifts, so they are run in turns, each run of one
 * next to a run of the others. The result is the median, reported with the spread.
 */

import { fewestPairs, type SpeedRatio, speedRatio } from "./speed-ratio.ts";

/** How long a run takes, in milliseconds. */
export interface Timing {
  /** The median over the runs. */
  readonly median: number;
  /** The fastest run. */
  readonly min: number;
  /** The slowest run. */
  readonly max: number;
  /** How many runs were counted. */
  readonly runs: number;
}

export interface LatencyOptions {
  /** Runs of each that are not counted. */
  readonly warmUp?: number;
  /** Maximal number of counted runs of each; at least three are made (six when two are compared). */
  readonly runs?: number;
  /** Milliseconds after which no further round begins. */
  readonly budget?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Each function returns the milliseconds to be counted.
 * @returns the two timings, and how many times as fast as `a` the other is.
 */
export async function timeInTurns(
  a: () => Promise<number>,
  b: () => Promise<number>,
  options: LatencyOptions = {},
): Promise<readonly [Timing, Timing, SpeedRatio]> {
  const [first = [], second = []] = await sampleInTurns([a, b], fewestPairs, options);
  return [summarize(first), summarize(second), speedRatio(first, second)];
}

export interface ComparedTiming {
  readonly timing: Timing;
  /** The speed relative to the first; undefined if there are too few runs for it. */
  readonly speed: SpeedRatio | undefined;
}

/**
 * @param works each returns the milliseconds to be counted.
 * @returns a timing of each, compared with the first.
 */
export async function compareInTurns(
  works: readonly (() => Promise<number>)[],
  options: LatencyOptions = {},
): Promise<readonly ComparedTiming[]> {
  const samples = await sampleInTurns(works, 3, options);
  const [first = []] = samples;
  return samples.map((times) => ({
    timing: summarize(times),
    speed: times.length < fewestPairs ? undefined : speedRatio(first, times),
  }));
}

/** @param least number of rounds, however long they take. @returns the times of each, round by round. */
async function sampleInTurns(
  works: readonly (() => Promise<number>)[],
  least: number,
  { warmUp = 3, runs = 200, budget = 2000, signal }: LatencyOptions,
): Promise<readonly (readonly number[])[]> {
  for (let run = 0; run < warmUp; run++) {
    for (const work of works) {
      signal?.throwIfAborted();
      await work();
    }
  }
  const times: number[][] = works.map(() => []);
  const begin = performance.now();
  for (let run = 0; run < least || (run < runs && performance.now() - begin < budget); run++) {
    for (const [index, work] of works.entries()) {
      signal?.throwIfAborted();
      times[index]?.push(await work());
    }
  }
  return times;
}

/** Median (the mean of the two middle values for an even number), minimum and maximum. */
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
