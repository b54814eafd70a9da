/**
 * The record of an additional number format in circuit.json: its model lies beside the float32 model in the same
 * folder.
 */
import { z } from "zod";
import { type DtypeRecord, dtypeSchema } from "./dtype-record.ts";

const split = z.enum(["patching", "validation", "test"]);

export const formatSchema = dtypeSchema.extend({
  /** KL(original ‖ this one) in nats, mean over the split; present if the original was available. */
  kl: z.partialRecord(split, z.number()).optional(),
  /** Size of the file that holds the weights. */
  bytes: z.int().min(0),
});

export type FormatRecord = z.infer<typeof formatSchema>;

/** What is wrong with the list, if anything is. */
export function formatsFault(
  dtype: DtypeRecord | undefined,
  formats: readonly FormatRecord[] = [],
): string | undefined {
  const names = formats.map(({ weights }) => weights);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `lists ${twice} twice`;
  return dtype !== undefined && names.length > 0 ? "stand beside float32 only" : undefined;
}
