/** The record of a comparison of two speeds in circuit.json: see `SpeedRatio`. */
import { z } from "zod";
import type { SpeedRatio } from "../measure/speed-ratio.ts";

export const speedSchema = z.object({
  /** The ratio of speeds, the median of pairs. */
  ratio: z.number().positive(),
  /** The 95 % interval; where it contains 1, it is not certain which is faster. */
  interval: z.tuple([z.number().positive(), z.number().positive()]),
  /** How many pairs of runs were compared. */
  pairs: z.int().min(1),
});

export type SpeedRecord = z.infer<typeof speedSchema>;

/** Rounded to four digits, which is as exact as the measurement can be. */
export function speedRecord({ ratio, interval: [low, high], pairs }: SpeedRatio): SpeedRecord {
  const rounded = (value: number) => Number(value.toPrecision(4));
  return { ratio: rounded(ratio), interval: [rounded(low), rounded(high)], pairs };
}
