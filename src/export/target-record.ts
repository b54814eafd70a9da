/**
 * The record of a search for a target in circuit.json: the target, what was reached, what it cost, and how
 * certain it is that no smaller circuit reaches it too.
 */
import { z } from "zod";

const count = z.int().min(0);
const share = z.number().min(0).max(1);

const measuredShape = {
  /** KL(original ‖ circuit) in nats. */
  kl: z.number(),
  /** Share of the original's body parameters, 0 to 1. */
  size: share,
  /** Share of the prompts that are answered right, 0 to 1; left out where it was not measured. */
  accuracy: share.optional(),
};

export const targetSchema = z.object({
  /** The least accuracy, the largest KL in nats, or the largest share of the original's body parameters. */
  kind: z.enum(["accuracy", "kl", "size"]),
  /** The bound: a share from 0 to 1, or nats for "kl". */
  value: z.number().min(0),
  /** Values on the validation prompts, the original's accuracy too; size is a share of the body parameters. */
  reached: z.object(measuredShape),
  /** What the original reaches, where accuracy was measured. */
  original: z.object({
    /** Share of the prompts that it answers right, 0 to 1. */
    accuracy: share.optional(),
  }),
  /** How many circuits were evaluated for all candidates; at most eight times the number of candidates. */
  evaluations: count,
  /** How many components were candidates. */
  candidates: count,
  /**
   * The threshold of the sweep's circuit that this one was made from; left out if it was made from the whole
   * model.
   */
  alpha: z.number().positive().optional(),
  /** The lowest α that was tried, if the circuit was made from the whole model. */
  leastAlpha: z.number().positive().optional(),
  /**
   * Whether every single change was tried without success: removing any kept component breaks the target; or, for
   * a size target, adding any other component that fits does not lower KL. Changes of several components were not
   * tried.
   */
  settled: z.boolean(),
  /** The sweep's circuits, the largest first. */
  tried: z.array(
    z.object({
      /** The threshold that gave it, in nats. */
      alpha: z.number().positive(),
      /** How many heads it keeps. */
      heads: count,
      /** How many MLPs it keeps. */
      mlps: count,
      ...measuredShape,
      /** Whether it meets the target. */
      holds: z.boolean(),
    }),
  ),
});

/** The record of a search for a target in circuit.json. */
export interface TargetRecord extends z.infer<typeof targetSchema> {}
