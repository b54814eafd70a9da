/**
 * What circuit.json says of a search for a target: what was asked for and reached, what it cost, and how sure it
 * is that no smaller circuit would do.
 */
import { z } from "zod";

const count = z.int().min(0);
const share = z.number().min(0).max(1);

export const targetSchema = z.object({
  /** The least accuracy, the largest KL in nats, or the largest share of the original's body parameters. */
  kind: z.enum(["accuracy", "kl", "size"]),
  value: z.number().min(0),
  /** On the validation prompts, the original's accuracy too; size is a share of the body parameters. */
  reached: z.object({ kl: z.number(), size: share, accuracy: share.optional() }),
  original: z.object({ accuracy: share.optional() }),
  /** Circuits that were evaluated, for so many candidates; at most eight times as many. */
  evaluations: count,
  candidates: count,
  /** Of the sweep's circuit that this one was made from; left out if it was made from the whole model. */
  alpha: z.number().positive().optional(),
  /** The least α that was tried, where it was made from the whole model. */
  leastAlpha: z.number().positive().optional(),
  /**
   * Whether every single change was tried in vain: each kept component taken out, which breaks the target; or, for
   * a size, each other one that fits put in, which does not lower KL. Sets of several were not tried.
   */
  settled: z.boolean(),
  /** The sweep's circuits, the largest first. */
  tried: z.array(
    z.object({
      alpha: z.number().positive(),
      heads: count,
      mlps: count,
      size: share,
      kl: z.number(),
      accuracy: share.optional(),
      holds: z.boolean(),
    }),
  ),
});

export type TargetRecord = z.infer<typeof targetSchema>;
