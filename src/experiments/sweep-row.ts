/**
 * The result of a sweep for one threshold in one setting, and its two files: `sweep.jsonl`, one row a line, and
 * `sweep.csv` for other tools. Rows hold no times, so a sweep's files are identical to the byte however it was
 * interrupted or spread over jobs. Everything that shows a sweep (the paper's figures, the studio) reads these
 * rows.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { readJson } from "../files/json.ts";
import type { ParameterCount } from "../measure/parameters.ts";
import { headNumber } from "../transformer/component.ts";
import { parseIndices } from "../transformer/index-runs.ts";
import { type CsvColumn, formatCsv } from "./csv.ts";

/** Accuracy of the original and of the circuit on one set of prompts. */
export interface AccuracyPair {
  /** The original's share of right answers, 0 to 1. */
  readonly original: number;
  /** The circuit's share of right answers, 0 to 1. */
  readonly circuit: number;
}

/** A value for each set of prompts. */
export interface OfSets<T> {
  /** On the prompts that chose the circuit. */
  readonly validation: T;
  /** On prompts that were not used before; left out if there are none. */
  readonly test?: T;
}

/** A value for the original and one for the circuit. */
export interface OfBoth<T> {
  /** The original's. */
  readonly original: T;
  /** The circuit's. */
  readonly circuit: T;
}

/** The share of a known circuit's heads that a circuit has: see {@link recoveryRates}. */
export interface KnownRates {
  /** The known circuit's id: "ioi/23", or a file's name. */
  readonly id: string;
  /** Share of the known heads that were kept, 0 to 1. */
  readonly tpr: number;
  /** Share of all other heads that were kept, 0 to 1. */
  readonly fpr: number;
}

/** The result of a sweep for one threshold in one setting. */
export interface SweepRow {
  /** The task: a built-in task's name, or a task file's without folder and extension. */
  readonly task: string;
  /** The seed that drew or split the prompts. */
  readonly seed: number;
  /** The replacement of pruned components. */
  readonly ablation: "mean" | "zero";
  /** Whether MLPs could be pruned. */
  readonly mlps: boolean;
  /** The threshold, in nats. */
  readonly alpha: number;
  /**
   * Whether the first position had means of its own; left out where means were aligned, and with zero ablation.
   */
  readonly firstPosition?: "apart" | "same";
  /** The kept heads, ascending, [layer, head]. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  /** The layers whose MLP was kept, whole or in part, ascending. */
  readonly mlpsKept: readonly number[];
  /**
   * Of MLPs that were kept in part: the layer, and its kept neurons in runs, as "0-12, 15"; left out where none was.
   */
  readonly neuronsKept?: readonly (readonly [layer: number, neurons: string])[];
  /** Accuracy on the prompts that chose the circuit, and on the test prompts where there are any. */
  readonly accuracy: OfSets<AccuracyPair>;
  /** KL(original ‖ circuit) at the answer in nats, mean over the same sets of prompts. */
  readonly kl: OfSets<number>;
  /**
   * Only for greater-than: probability of later minus earlier years on the test prompts, −1 … 1. Accuracy can't
   * detect a circuit that names the same late year for every prompt; this value can.
   */
  readonly yearMass?: OfBoth<number>;
  /** Parameters of the original, and of the standalone model that the circuit would be shipped as. */
  readonly parameters: OfBoth<ParameterCount>;
  /** How well a known circuit was found, if the task has a known circuit. */
  readonly known?: KnownRates;
}

/** A sweep's rows, with the model that was searched. */
export interface SweepRuns {
  /** The model that was searched. */
  readonly model: {
    /** The model's name. */
    readonly name: string;
    /** How many layers it has. */
    readonly layers: number;
    /** How many heads each layer has. */
    readonly heads: readonly number[];
  };
  /** The rows: by task, then ablation, MLPs and seed, in the requested order; α ascending. */
  readonly rows: readonly SweepRow[];
}

/** No layer has as many: a row does not say how many its layers have. */
export const mostNeurons = 2 ** 22;

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const pairSchema = z.object({ original: share, circuit: share });
const neuronRuns = z
  .string()
  .refine(
    (text) => !("fault" in parseIndices(text, mostNeurons)),
    'must list neurons in runs, as "0-12, 15"',
  );
const mass = z.number().min(-1).max(1);
const parametersSchema = z.object({ body: count, embedding: count, bias: count, total: count });
const rowSchema = z.object({
  task: z.string().min(1),
  seed: count,
  ablation: z.enum(["mean", "zero"]),
  mlps: z.boolean(),
  alpha: z.number().positive(),
  firstPosition: z.enum(["apart", "same"]).exactOptional(),
  heads: z.array(z.tuple([count, count])),
  mlpsKept: z.array(count),
  neuronsKept: z.array(z.tuple([count, neuronRuns])).exactOptional(),
  accuracy: z.object({ validation: pairSchema, test: pairSchema.exactOptional() }),
  kl: z.object({ validation: z.number(), test: z.number().exactOptional() }),
  yearMass: z.object({ original: mass, circuit: mass }).exactOptional(),
  parameters: z.object({ original: parametersSchema, circuit: parametersSchema }),
  known: z.object({ id: z.string(), tpr: share, fpr: share }).exactOptional(),
});

/** A row from its JSON value; undefined if `value` is not a row. */
export function asSweepRow(value: unknown): SweepRow | undefined {
  const result = rowSchema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** The whole of sweep.jsonl; fields always have the same order. */
export function formatSweepRows(rows: readonly SweepRow[]): string {
  return rows.map((row) => `${JSON.stringify(rowSchema.parse(row))}\n`).join("");
}

/**
 * @param contents of a sweep.jsonl; empty lines are skipped.
 * @param fileName for errors.
 * @throws PithError "task" with file and line for a line that is not a row, or for a file without rows.
 */
export function parseSweepRows(contents: string, fileName: string): readonly SweepRow[] {
  const rows: SweepRow[] = [];
  for (const [index, line] of contents
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === "") continue;
    const place = { file: fileName, line: index + 1 };
    const json = readJson(line, "part");
    if (json.kind !== "value") {
      throw new PithError("task", `is not a sweep's row: ${json.fault}.`, { place, advice });
    }
    const result = rowSchema.safeParse(json.value);
    if (!result.success) {
      const [issue] = result.error.issues;
      const field = issue?.path.map(String).join(".") ?? "";
      throw new PithError("task", `is not a sweep's row: ${issue?.message ?? "malformed"}.`, {
        place: { ...place, ...(field !== "" && { field }) },
        advice,
      });
    }
    rows.push(result.data);
  }
  if (rows.length === 0) {
    throw new PithError("task", "has no rows.", { place: { file: fileName }, advice });
  }
  return rows;
}

const advice = "Give the sweep.jsonl that `pith sweep` writes.";

/** The columns of sweep.csv in order; docs/sweep.md explains each. */
const columns: readonly CsvColumn<SweepRow>[] = [
  ["task", ({ task }) => task],
  ["seed", ({ seed }) => seed],
  ["ablation", ({ ablation }) => ablation],
  ["mlps", ({ mlps }) => (mlps ? "on" : "off")],
  ["alpha", ({ alpha }) => alpha],
  ["first_position", ({ firstPosition }) => firstPosition],
  ["heads_kept", ({ heads }) => heads.length],
  ["mlps_kept", ({ mlpsKept }) => mlpsKept.length],
  ["accuracy_validation_original", ({ accuracy }) => accuracy.validation.original],
  ["accuracy_validation", ({ accuracy }) => accuracy.validation.circuit],
  ["accuracy_test_original", ({ accuracy }) => accuracy.test?.original],
  ["accuracy_test", ({ accuracy }) => accuracy.test?.circuit],
  ["kl_validation", ({ kl }) => kl.validation],
  ["kl_test", ({ kl }) => kl.test],
  ["year_mass_original", ({ yearMass }) => yearMass?.original],
  ["year_mass", ({ yearMass }) => yearMass?.circuit],
  ["body_original", ({ parameters }) => parameters.original.body],
  ["body", ({ parameters }) => parameters.circuit.body],
  ["body_share", ({ parameters }) => parameters.circuit.body / parameters.original.body],
  ["parameters_original", ({ parameters }) => parameters.original.total],
  ["parameters", ({ parameters }) => parameters.circuit.total],
  ["known", ({ known }) => known?.id],
  ["tpr", ({ known }) => known?.tpr],
  ["fpr", ({ known }) => known?.fpr],
  ["heads", ({ heads }) => heads.map(([layer, head]) => headNumber(layer, head)).join(" ")],
  ["mlp_layers", ({ mlpsKept }) => mlpsKept.join(" ")],
];

/** The whole of sweep.csv; a cell is empty where nothing was measured. */
export function formatSweepCsv(rows: readonly SweepRow[]): string {
  return formatCsv(columns, rows);
}
