/**
 * The record of a narrower number format in circuit.json: measurements of the same circuit in float32, beside
 * `metrics`.
 */
import { z } from "zod";
import { speedSchema } from "./speed-record.ts";

const split = z.enum(["patching", "validation", "test"]);
const count = z.int().min(0);

export const dtypeSchema = z.object({
  /** The matrices' format; biases and norms are always float32. */
  weights: z.enum(["f16", "int8", "int4"]),
  /** This circuit's accuracy; of a compiled one, over its answers. Files from before this field lack it. */
  accuracy: z.partialRecord(split, z.number()).optional(),
  /** KL(float32 circuit ‖ this one) in nats, mean over the split. */
  divergence: z.partialRecord(split, z.number()),
  /** The float32 circuit, on the same examples and in the same run. */
  float32: z.object({
    /** Share of examples that are answered right, 0 to 1. */
    accuracy: z.partialRecord(split, z.number()),
    /** Size of the files that hold the weights. */
    bytes: count,
    /** Milliseconds a prompt, one at a time, in turns with this circuit. */
    milliseconds: z.number(),
  }),
  /** Milliseconds a prompt, one at a time. */
  milliseconds: z.number(),
  /** The speed relative to float32; files of earlier versions lack it. */
  speed: speedSchema.optional(),
});

export type DtypeRecord = z.infer<typeof dtypeSchema>;
