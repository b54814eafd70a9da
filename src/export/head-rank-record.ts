/** The record of heads that were cut to a lower rank in circuit.json: to which, and what that cost and saved. */
import { z } from "zod";

const count = z.int().min(0);
const size = z.int().min(1);

export const headRankSchema = z.object({
  /** The rank that was asked for, or "auto": the smallest within the allowed KL. */
  asked: z.union([size, z.literal("auto")]),
  /** The layers that keep heads, from the first. */
  layers: z.array(
    z.object({
      /** The layer, counted from 0. */
      layer: count,
      /** How wide its kept heads' values are now; as wide as before where they could not be cut. */
      rank: size,
      /** How wide they are in the original. */
      of: size,
    }),
  ),
  /** Weights of the circuit's body. */
  body: z.object({
    /** Before the cut. */
    whole: count,
    /** After it. */
    cut: count,
  }),
  /** KL(original ‖ circuit) in nats, on the patching and validation prompts together. */
  kl: z.object({
    /** Before the cut. */
    whole: z.number(),
    /** After it. */
    cut: z.number(),
    /** The largest that was allowed, for "auto". */
    allowed: z.number().optional(),
  }),
});

/** The record of heads that were cut to a lower rank in circuit.json. */
export interface HeadRankRecord extends z.infer<typeof headRankSchema> {}
