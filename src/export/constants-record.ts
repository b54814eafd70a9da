/**
 * The record of fitted constants in circuit.json: how they were trained, and what the same circuit costs under plain
 * means. A circuit with such constants is a good model and no evidence of a mechanism, so both figures stand together.
 */
import { z } from "zod";

const count = z.int().min(0);
const size = z.int().min(1);
const nats = z.number();
const split = z.enum(["validation", "test"]);

export const constantsSchema = z.object({
  /** "fitted": to the finished circuit; "joint": together with the masks that found it, and then to it. */
  kind: z.enum(["fitted", "joint"]),
  /** How many vectors there are: one before each remaining reader of the stream with something pruned before it. */
  vectors: count,
  /** How many steps of Adam were taken, and after which the vectors were best; 0: the means were. */
  steps: count,
  /** The step after which they were best. */
  best: count,
  /** How many prompts a step saw. */
  batch: size,
  /** Adam's first learning rate. */
  rate: z.number().positive(),
  /** The seed of the order of prompts. */
  seed: count,
  /** How many patching and validation prompts the vectors learned from, and how many were held back from them. */
  prompts: z.object({
    /** They gave the gradients. */
    learned: count,
    /** They said when the vectors were best. */
    held: count,
  }),
  /** KL on the prompts that were held back, in nats. */
  heldKl: z.object({
    /** Before the first step. */
    before: nats,
    /** With the best vectors. */
    after: nats,
  }),
  /** The same circuit under plain means, in float32; `metrics` are those of the folder's model. */
  plain: z.object({
    /** KL(original ‖ circuit) in nats. */
    kl: z.partialRecord(split, nats),
    /** Share of examples that are answered right, 0 to 1. */
    accuracy: z.partialRecord(split, z.number()),
  }),
});

/** How a circuit's constants were fitted, and what it costs under plain means. */
export interface ConstantsRecord extends z.infer<typeof constantsSchema> {}
