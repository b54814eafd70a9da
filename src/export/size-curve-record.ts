/** The size–KL curve of a search in circuit.json: what cuts of several sizes along its ranking keep and lose. */
import { z } from "zod";

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const byPrompts = <T extends z.ZodType>(value: T) =>
  z.object({
    /** On the validation prompts, which the search saw. */
    validation: value,
    /** On the test prompts; left out where the task has none. */
    test: value.optional(),
  });

const pointSchema = z.object({
  /** Share of the original's body parameters, 0 to 1. */
  size: share,
  /** How many heads it keeps. */
  heads: count,
  /** How many MLPs it keeps, whole or in part. */
  mlps: count,
  /** How many neurons it keeps of the MLPs that stay in part. */
  neurons: count,
  /** KL(original ‖ cut) in nats, mean over the prompts. */
  kl: byPrompts(z.number()),
  /** Share of the prompts that are answered right, 0 to 1. */
  accuracy: byPrompts(share),
});

/** At least two, so that there is a curve. */
export const sizeCurveSchema = z.array(pointSchema).min(2);

/** A cut along a search's ranking, as a point of its size–KL curve in circuit.json. */
export interface SizeCurvePoint extends z.infer<typeof pointSchema> {}
