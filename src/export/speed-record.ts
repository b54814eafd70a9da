/** What circuit.json says of a comparison of two speeds: see `SpeedRatio`. */
import { z } from "zod";
import type { SpeedRatio } from "../measure/speed-ratio.ts";

export const speedSchema = z.object({
  /** Times as fast, the median of pairs. */
  ratio: z.number().positive(),
  /** 95 %; where it holds 1, nothing can be said of which is faster. */
  interval: z.tuple([z.number().positive(), z.number().positive()]),
  /** How many pairs of runs were compared. */
  pairs: z.int().min(1),
});

export type SpeedRecord = z.infer<typeof speedSchema>;

/** Four digits say more than is known. */
export function speedRecord({ ratio, interval: [low, high], pairs }: SpeedRatio): SpeedRecord {
  const rounded = (value: number) => Number(value.toPrecision(4));
  return { ratio: rounded(ratio), interval: [rounded(low), rounded(high)], pairs };
}
