/**
 * The record of a bootstrap in circuit.json: how often resampled searches kept each component, how alike their
 * circuits are, and whether the folder's circuit comes from the full data or consists of the components that were
 * kept often enough.
 */
import { z } from "zod";
import { frequentCircuit } from "../measure/stability.ts";
import { type Circuit, sameCircuit } from "../transformer/circuit.ts";

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const byScope = <T extends z.ZodType>(value: T) =>
  z.object({
    /** Over all components on trial. */
    components: value,
    /** Over the heads alone. */
    heads: value,
  });

/** Fields that both formats of circuit.json have with the same meaning. */
export const stabilityShape = {
  /** How many searches on resampled prompts there were. */
  runs: z.int().min(2),
  /** The seed of the resampling. */
  seed: count,
  /** Mean Jaccard index over all pairs of runs: of all components on trial, and of the heads alone. */
  jaccard: byScope(share),
  /** The same, as expected for sets of these sizes that are drawn at random. */
  chance: byScope(share),
  /** Jaccard index of each run and the full data's circuit. */
  againstFull: byScope(z.array(share)),
  /** Shares of the runs that kept a component: heads [layer][head]; MLPs [layer], empty if not on trial. */
  frequency: z.object({
    /** The shares of the heads, [layer][head]. */
    heads: z.array(z.array(share)),
    /** The shares of the MLPs, [layer]; empty where MLPs were not on trial. */
    mlps: z.array(share),
  }),
  /**
   * If given, the file's circuit consists of the components that were kept in at least this share of the runs; no
   * search found it, and it has no trace. Otherwise it is the full data's.
   */
  chosen: share.optional(),
};

const stabilitySchema = z.object(stabilityShape);

/** The record of a bootstrap in circuit.json. */
export interface StabilityRecord extends z.infer<typeof stabilitySchema> {
  /** The circuit that all prompts gave, and its KL in nats on the validation prompts. */
  readonly full: {
    /** The components that stay. */
    readonly kept: Circuit;
    /** KL(original ‖ circuit) in nats, on the validation prompts. */
    readonly kl: number;
  };
}

/**
 * Checks that facts which the record states twice, or which the circuit states too, agree.
 * @param shape heads of each layer, and whether MLPs were on trial.
 * @returns the field at fault and what is wrong with it; undefined if nothing is.
 */
export function stabilityFault(
  { runs, againstFull, frequency, full, chosen }: StabilityRecord,
  shape: { readonly heads: readonly number[]; readonly mlps: boolean },
  circuit: Circuit,
  decisions: number,
): { readonly field: string; readonly message: string } | undefined {
  for (const scope of ["components", "heads"] as const) {
    const found = againstFull[scope].length;
    if (found !== runs)
      return { field: `againstFull.${scope}`, message: `has ${found} entries for ${runs} runs` };
  }
  if (frequency.heads.map(({ length }) => length).join() !== shape.heads.join())
    return { field: "frequency.heads", message: "must have one share for each head of the model" };
  const mlps = shape.mlps ? shape.heads.length : 0;
  if (frequency.mlps.length !== mlps)
    return {
      field: "frequency.mlps",
      message: `has ${frequency.mlps.length} entries for ${mlps} MLPs on trial`,
    };
  const said = chosen === undefined ? full.kept : frequentCircuit(frequency, chosen);
  if (!sameCircuit(circuit, said))
    return chosen === undefined
      ? {
          field: "full",
          message: "must be the circuit that the file lists, or chosen must say at which share",
        }
      : {
          field: "chosen",
          message: `at ${chosen} of the runs other components are kept than the file lists`,
        };
  if (chosen !== undefined && decisions > 0)
    return { field: "chosen", message: "no search found this circuit, so its trace must be empty" };
  return undefined;
}
