/**
 * The content of circuit.json in memory: what was kept, the whole trace, the options, the source and the
 * measurements. Both formats of the file have this one form in memory; `circuit-json.ts` reads and writes it.
 */
import type { z } from "zod";
import type { PithError } from "../errors.ts";
import type { Circuit } from "../transformer/circuit.ts";
import type { ComponentKind } from "../transformer/component.ts";
import type {
  chatSchema,
  factsShape,
  modelSchema,
  replacementSchema,
  taskSchema,
  traceSchema,
} from "./circuit-facts-schema.ts";
import type { StabilityRecord } from "./stability-record.ts";

export const circuitFileName = "circuit.json";

type Facts = z.infer<z.ZodObject<typeof factsShape>>;

/** The content of circuit.json: the same form in memory for both formats of the file. */
export interface CircuitFile extends Facts {
  /** The original. */
  readonly model: z.infer<typeof modelSchema>;
  /** The task that the circuit does. */
  readonly task: z.infer<typeof taskSchema> & {
    /** The seed that split the file or drew the built-in task's prompts, and that drew resamples. */
    readonly seed: number;
    /** Whether the model's start token stands before every prompt. */
    readonly bos: boolean;
    /** The chat whose user's turns the prompts are; left out: they are read as they stand. */
    readonly chat?: z.infer<typeof chatSchema> | undefined;
  };
  /** The search that found it. */
  readonly search: SearchRecord;
  /** The kinds of components that could be pruned. */
  readonly onTrial: readonly ComponentKind[];
  /** The name of the units in which components were tried; left out: each by itself. */
  readonly triedAs?: string | undefined;
  /** What replaces a pruned component. */
  readonly replacement: z.infer<typeof replacementSchema>;
  /** The components that stay. */
  readonly kept: Circuit;
  /** What searches on resampled prompts found, if there were any. */
  readonly stability?: StabilityRecord | undefined;
}

/** The record of a search in circuit.json. */
export interface SearchRecord {
  /** The search's name. */
  readonly name: string;
  /** All its options, also those that the user left out. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Every decision in order; kl and delta in nats. Empty for a circuit that no search found. */
  readonly trace: z.infer<typeof traceSchema>;
}

/**
 * Makes an error from a field and what is wrong with it; the message follows the field's name in the sentence.
 */
export type Fail = (field: string, message: string) => PithError;
