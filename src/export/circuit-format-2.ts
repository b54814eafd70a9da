/**
 * circuit.json as Pith writes it. Kept components are written as runs of numbers. The search has its own object
 * with its name, options and trace; the replacement of pruned components has another.
 */
import { z } from "zod";
import type { ComponentKind } from "../transformer/component.ts";
import {
  chatSchema,
  count,
  factsShape,
  modelSchema,
  replacementSchema,
  taskSchema,
  traceSchema,
} from "./circuit-facts-schema.ts";
import type { CircuitFile, Fail } from "./circuit-file.ts";
import { circuitOfKept, keptRecord, keptSchema } from "./kept-record.ts";
import { stabilityShape } from "./stability-record.ts";

export const format2 = "pith.circuit/2";

const kinds = ["head", "mlp", "neuron"] as const satisfies readonly ComponentKind[];

export const schema2 = z.object({
  format: z.literal(format2),
  ...factsShape,
  model: modelSchema,
  task: taskSchema.extend({
    /** The seed that split the file, or drew the built-in task's prompts, and that drew resamples. */
    seed: count,
    /** Whether the model's start token stands before every prompt. */
    bos: z.boolean(),
    /** In what chat the prompts stand; left out: they are read as they are. */
    chat: chatSchema.optional(),
  }),
  search: z.object({
    name: z.string(),
    /** The search's own options; see `docs/circuit-json.md`. */
    options: z.record(z.string(), z.unknown()),
    trace: traceSchema,
  }),
  /** Kinds of components that could be pruned. */
  onTrial: z.array(z.enum(kinds)),
  /** The name of the units in which components were tried; left out: each by itself. */
  triedAs: z.string().min(1).optional(),
  replacement: replacementSchema,
  kept: keptSchema,
  /** What searches on resampled prompts found, if there were any. */
  stability: z.object({ ...stabilityShape, full: z.object({ kept: keptSchema, kl: z.number() }) }).optional(),
});

/** circuit.json as parsed from JSON. */
export type CircuitJson = z.infer<typeof schema2>;

/** @throws the error that `fail` makes from a field and a message. */
export function readFormat2(file: CircuitJson, fail: Fail): CircuitFile {
  const { format: _, kept, stability, ...facts } = file;
  const circuit = (record: CircuitJson["kept"], place: string) =>
    circuitOfKept(record, facts.model, place, fail);
  return {
    ...facts,
    kept: circuit(kept, "kept"),
    ...(stability && {
      stability: {
        ...stability,
        full: { ...stability.full, kept: circuit(stability.full.kept, "stability.full.kept") },
      },
    }),
  };
}

/** The members of circuit.json in the order in which they are written. */
export function writeFormat2({
  kept,
  stability,
  structure,
  files,
  checksum,
  ...circuit
}: CircuitFile): object {
  const { pith, profile, model, task, replacement, onTrial, triedAs, search, metrics, ...rest } = circuit;
  return {
    format: format2,
    ...{ pith, profile, model, task, replacement, onTrial },
    ...(triedAs !== undefined && { triedAs }),
    kept: keptRecord(kept),
    ...{ search, metrics },
    ...rest,
    ...(stability && {
      stability: { ...stability, full: { kept: keptRecord(stability.full.kept), kl: stability.full.kl } },
    }),
    ...(structure && { structure }),
    ...(files && { files }),
    ...(checksum && { checksum }),
  };
}
