/**
 * The rows of Tables 1 and 3 from a sweep: means and spreads over the repeated runs at one threshold, mean
 * ablation. Beside the paper's figures (accuracy on the prompts that chose the circuit; matrices of the body
 * alone), a row has those that matter to a user of the circuit: unseen prompts, final KL, the whole file.
 */
import type { Head } from "../known/known-circuits.ts";
import { recoveryRates } from "../known/recovery.ts";
import type { Timing } from "../measure/latency.ts";
import { countKept } from "../transformer/circuit.ts";
import type { TableChoice } from "./paper-settings.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { type Spread, spreadOf } from "./spread.ts";
import type { OfBoth, SweepRow } from "./sweep-row.ts";

/** Time and storage of a row's circuit on this machine. */
export interface CircuitTiming extends TableChoice {
  /** The seed of the run whose circuit was timed. */
  readonly seed: number;
  /** The original, one prompt at a time, in turns with the circuit. */
  readonly original: Timing;
  /** The circuit, one prompt at a time, in turns with the original. */
  readonly circuit: Timing;
  /** Milliseconds for a whole validation set, the mean of five calls. */
  readonly batch: OfBoth<number>;
  /** Bytes of the original's weights as float32, and of the weights file of the shipped circuit. */
  readonly bytes: OfBoth<number>;
}

export interface KnownHeads {
  readonly id: string;
  readonly heads: readonly Head[];
}

/** Shares and changes are 0 … 1, not percent. Values that were not measured are left out. */
export interface TableRow extends TableChoice {
  /** How many runs the row averages. */
  readonly runs: number;

  /** Accuracy on the prompts that chose the circuit. */
  readonly accuracy: Spread;
  /** The circuit's accuracy less the original's. */
  readonly accuracyChange: Spread;
  /** Body parameters that are left. */
  readonly body: Spread;
  /** Share of the body parameters that were removed. */
  readonly bodyCut: Spread;
  /** The id of the known circuit that rates are computed against: "ioi/23". */
  readonly known?: string;
  /** Share of the known circuit's heads that were kept. */
  readonly tpr?: Spread;
  /** Share of all other heads that were kept. */
  readonly fpr?: Spread;
  /** Milliseconds for one prompt: each run's median. */
  readonly milliseconds?: Spread;
  /** The original's, in the same way. */
  readonly originalMilliseconds?: Spread;
  /** Share of the time that was saved. */
  readonly timeCut?: Spread;
  /** Milliseconds for a whole validation set, as the paper times it: each run's mean of five calls. */
  readonly batchMilliseconds?: Spread;
  /** The original's, in the same way. */
  readonly originalBatchMilliseconds?: Spread;
  /** Share of the time that was saved. */
  readonly batchTimeCut?: Spread;

  /** How many heads were kept. */
  readonly heads: Spread;
  /** How many MLPs were kept. */
  readonly mlpsKept: Spread;
  /** Accuracy on prompts that were not used before. */
  readonly testAccuracy?: Spread;
  /** The circuit's accuracy less the original's, on prompts that were not used before. */
  readonly testAccuracyChange?: Spread;
  /** KL(original ‖ circuit) in nats, on the prompts that chose the circuit. */
  readonly kl: Spread;
  /** KL(original ‖ circuit) in nats, on prompts that were not used before. */
  readonly testKl?: Spread;
  /** Only for greater-than: probability of later minus earlier years on the test prompts, −1 … 1. */
  readonly yearMass?: Spread;
  /** The original's, in the same way. */
  readonly originalYearMass?: Spread;
  /** All parameters, embeddings and biases included. */
  readonly parameters: Spread;
  /** Share of all parameters that were removed. */
  readonly parametersCut: Spread;
  /** Bytes of the weights file of the shipped circuit. */
  readonly bytes?: Spread;
  /** Share of the original's bytes that was saved. */
  readonly bytesCut?: Spread;
}

export interface TableSources {
  readonly rows: readonly SweepRow[];
  readonly timings: readonly CircuitTiming[];
  /** Known heads by task. */
  readonly known: ReadonlyMap<string, KnownHeads>;
  /** The heads of each layer of the model. */
  readonly headCounts: readonly number[];
}

/** One row for each choice with runs in the sweep, in the choices' order. */
export function tableRows(choices: readonly TableChoice[], sources: TableSources): readonly TableRow[] {
  return choices.flatMap((choice) => {
    const rows = rowsOf(choice, sources.rows);
    return rows.length === 0 ? [] : [tableRow(choice, rows, sources)];
  });
}

/** A choice's runs. */
export function rowsOf({ task, mlps, alpha }: TableChoice, rows: readonly SweepRow[]): readonly SweepRow[] {
  return rows.filter(
    (row) => row.task === task && row.mlps === mlps && row.alpha === alpha && row.ablation === "mean",
  );
}

function tableRow(
  choice: TableChoice,
  rows: readonly SweepRow[],
  { timings, known, headCounts }: TableSources,
): TableRow {
  const over = (value: (row: SweepRow) => number) => spreadOf(rows.map(value));
  return {
    ...{ task: choice.task, mlps: choice.mlps, alpha: choice.alpha, runs: rows.length },
    accuracy: over(({ accuracy }) => accuracy.validation.circuit),
    accuracyChange: over(({ accuracy }) => accuracy.validation.circuit - accuracy.validation.original),
    body: over(({ parameters }) => parameters.circuit.body),
    bodyCut: over(({ parameters }) => 1 - parameters.circuit.body / parameters.original.body),
    ...ratesOf(rows, known.get(choice.task), headCounts),
    ...timesOf(choice, rows, timings),
    heads: over((row) => countKept(circuitOfRow(row)).head),
    mlpsKept: over((row) => countKept(circuitOfRow(row)).mlp),
    ...testOf(rows),
    kl: over(({ kl }) => kl.validation),
    parameters: over(({ parameters }) => parameters.circuit.total),
    parametersCut: over(({ parameters }) => 1 - parameters.circuit.total / parameters.original.total),
  };
}

function ratesOf(
  rows: readonly SweepRow[],
  known: KnownHeads | undefined,
  headCounts: readonly number[],
): Pick<TableRow, "known" | "tpr" | "fpr"> {
  if (known === undefined) return {};
  const rates = rows.map((row) => recoveryRates(circuitOfRow(row), known.heads, headCounts));
  return {
    known: known.id,
    tpr: spreadOf(rates.map(({ tpr }) => tpr)),
    fpr: spreadOf(rates.map(({ fpr }) => fpr)),
  };
}

type Times = Pick<
  TableRow,
  | "milliseconds"
  | "originalMilliseconds"
  | "timeCut"
  | "batchMilliseconds"
  | "originalBatchMilliseconds"
  | "batchTimeCut"
  | "bytes"
  | "bytesCut"
>;

/** Empty unless every run was timed. */
function timesOf(choice: TableChoice, rows: readonly SweepRow[], timings: readonly CircuitTiming[]): Times {
  const own = timings.filter(
    ({ task, mlps, alpha }) => task === choice.task && mlps === choice.mlps && alpha === choice.alpha,
  );
  if (own.length !== rows.length) return {};
  const over = (value: (timing: CircuitTiming) => number) => spreadOf(own.map(value));
  return {
    milliseconds: over(({ circuit }) => circuit.median),
    originalMilliseconds: over(({ original }) => original.median),
    timeCut: over(({ circuit, original }) => 1 - circuit.median / original.median),
    batchMilliseconds: over(({ batch }) => batch.circuit),
    originalBatchMilliseconds: over(({ batch }) => batch.original),
    batchTimeCut: over(({ batch }) => 1 - batch.circuit / batch.original),
    bytes: over(({ bytes }) => bytes.circuit),
    bytesCut: over(({ bytes }) => 1 - bytes.circuit / bytes.original),
  };
}

/** Empty unless every run has a test set. */
function testOf(
  rows: readonly SweepRow[],
): Pick<TableRow, "testAccuracy" | "testAccuracyChange" | "testKl" | "yearMass" | "originalYearMass"> {
  const tests = rows.flatMap(({ accuracy }) => accuracy.test ?? []);
  const kls = rows.flatMap(({ kl }) => kl.test ?? []);
  const masses = rows.flatMap(({ yearMass }) => yearMass ?? []);
  return {
    ...(tests.length === rows.length && {
      testAccuracy: spreadOf(tests.map(({ circuit }) => circuit)),
      testAccuracyChange: spreadOf(tests.map(({ circuit, original }) => circuit - original)),
    }),
    ...(kls.length === rows.length && { testKl: spreadOf(kls) }),
    ...(masses.length === rows.length && {
      yearMass: spreadOf(masses.map(({ circuit }) => circuit)),
      originalYearMass: spreadOf(masses.map(({ original }) => original)),
    }),
  };
}
