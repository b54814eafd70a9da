/**
 * What a sweep finds for one threshold in one setting, and its two files: `sweep.jsonl`, one row a line, and
 * `sweep.csv` for other people's tools. Rows hold no times, so a sweep's files are the same to the byte however
 * it was interrupted or spread. Whatever reads a sweep (the paper's figures, the studio) reads these rows.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { readJson } from "../files/json.ts";
import type { ParameterCount } from "../measure/parameters.ts";
import { headNumber } from "../transformer/component.ts";
import { type CsvColumn, formatCsv } from "./csv.ts";

/** Of the original and of the circuit on one set of prompts, 0 … 1. */
export interface AccuracyPair {
  readonly original: number;
  readonly circuit: number;
}

/** How many of a known circuit's heads a circuit has: see `evaluation/recovery.ts`. */
export interface KnownRates {
  /** The known circuit's id: "ioi/23", or a file's name. */
  readonly id: string;
  readonly tpr: number;
  readonly fpr: number;
}

export interface SweepRow {
  /** A built-in task's name, or a task file's without folder and extension. */
  readonly task: string;
  /** That drew or split the prompts. */
  readonly seed: number;
  readonly ablation: "mean" | "zero";
  /** Whether MLPs could be pruned. */
  readonly mlps: boolean;
  readonly alpha: number;
  /** Kept, ascending, [layer, head]. */
  readonly heads: readonly (readonly [layer: number, head: number])[];
  /** Layers whose MLP was kept, ascending. */
  readonly mlpsKept: readonly number[];
  readonly accuracy: { readonly validation: AccuracyPair; readonly test?: AccuracyPair };
  /** KL(original ‖ circuit) at the answer, nats, mean over the prompts. */
  readonly kl: { readonly validation: number; readonly test?: number };
  /**
   * Greater-than alone: probability of later minus earlier years on the test prompts, −1 … 1. Accuracy can't tell
   * a circuit that names one late year whatever it is asked; this can.
   */
  readonly yearMass?: { readonly original: number; readonly circuit: number };
  /** Of the original, and of the standalone model that the circuit would be shipped as. */
  readonly parameters: { readonly original: ParameterCount; readonly circuit: ParameterCount };
  /** Where the task has a known circuit to be compared with. */
  readonly known?: KnownRates;
}

/** A sweep's rows with the model that they are of. */
export interface SweepRuns {
  readonly model: {
    readonly name: string;
    readonly layers: number;
    /** Heads by layer. */
    readonly heads: readonly number[];
  };
  /** Together by task, then ablation, MLPs and seed, in the order asked for; α ascending. */
  readonly rows: readonly SweepRow[];
}

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const pairSchema = z.object({ original: share, circuit: share });
const mass = z.number().min(-1).max(1);
const parametersSchema = z.object({ body: count, embedding: count, bias: count, total: count });
const rowSchema = z.object({
  task: z.string().min(1),
  seed: count,
  ablation: z.enum(["mean", "zero"]),
  mlps: z.boolean(),
  alpha: z.number().positive(),
  heads: z.array(z.tuple([count, count])),
  mlpsKept: z.array(count),
  accuracy: z.object({ validation: pairSchema, test: pairSchema.exactOptional() }),
  kl: z.object({ validation: z.number(), test: z.number().exactOptional() }),
  yearMass: z.object({ original: mass, circuit: mass }).exactOptional(),
  parameters: z.object({ original: parametersSchema, circuit: parametersSchema }),
  known: z.object({ id: z.string(), tpr: share, fpr: share }).exactOptional(),
});

/** A row as JSON holds it; undefined where `value` is none. */
export function asSweepRow(value: unknown): SweepRow | undefined {
  const result = rowSchema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** The whole of sweep.jsonl; fields stand in one order, however a row was made. */
export function formatSweepRows(rows: readonly SweepRow[]): string {
  return rows.map((row) => `${JSON.stringify(rowSchema.parse(row))}\n`).join("");
}

/**
 * @param contents of a sweep.jsonl; empty lines are skipped.
 * @param fileName as errors show it.
 * @throws PithError "task" with file and line for what is no row, or for a file without any.
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

/** The columns of sweep.csv in order; docs/sweep.md says what each means. */
const columns: readonly CsvColumn<SweepRow>[] = [
  ["task", ({ task }) => task],
  ["seed", ({ seed }) => seed],
  ["ablation", ({ ablation }) => ablation],
  ["mlps", ({ mlps }) => (mlps ? "on" : "off")],
  ["alpha", ({ alpha }) => alpha],
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
