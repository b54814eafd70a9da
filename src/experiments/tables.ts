/**
 * The rows of Tables 1 and 3 from a sweep: means and spreads over the repeated runs at one threshold, mean
 * ablation. Beside the paper's conventions (accuracy on the prompts that chose the circuit; matrices of the
 * body alone) stands what a user of the circuit meets: unseen prompts, final KL, the whole file.
 */
import type { Head } from "../known/known-circuits.ts";
import { recoveryRates } from "../known/recovery.ts";
import type { Timing } from "../measure/latency.ts";
import { countKept } from "../transformer/circuit.ts";
import type { TableChoice } from "./paper-settings.ts";
import { circuitOfRow } from "./row-circuit.ts";
import { type Spread, spreadOf } from "./spread.ts";
import type { OfBoth, SweepRow } from "./sweep-row.ts";

/** What running and storing one of the rows' circuits takes on this machine. */
export interface CircuitTiming extends TableChoice {
  /** The seed of the run whose circuit was timed. */
  readonly seed: number;
  /** The original, one prompt at a time, in turns with the circuit. */
  readonly original: Timing;
  /** The circuit, one prompt at a time, in turns with the original. */
  readonly circuit: Timing;
  /** Milliseconds of a whole validation set, the mean of five calls. */
  readonly batch: OfBoth<number>;
  /** Of the original's weights as float32, and of the file of weights that the circuit would be shipped as. */
  readonly bytes: OfBoth<number>;
}

export interface KnownHeads {
  readonly id: string;
  readonly heads: readonly Head[];
}

/** Shares and changes are 0 … 1, not percent. What was not measured is left out. */
export interface TableRow extends TableChoice {
  /** Runs that the row is the mean of. */
  readonly runs: number;

  /** Accuracy on the prompts that chose the circuit. */
  readonly accuracy: Spread;
  /** The circuit's accuracy less the original's. */
  readonly accuracyChange: Spread;
  /** Body parameters that are left. */
  readonly body: Spread;
  /** Share of the body parameters that went. */
  readonly bodyCut: Spread;
  /** The id of the known circuit that rates count: "ioi/23". */
  readonly known?: string;
  /** Share of the known circuit's heads that stayed. */
  readonly tpr?: Spread;
  /** Share of all other heads that stayed. */
  readonly fpr?: Spread;
  /** One prompt: each run's median. */
  readonly milliseconds?: Spread;
  /** The same of the original. */
  readonly originalMilliseconds?: Spread;
  /** Share of the time that went. */
  readonly timeCut?: Spread;
  /** A validation set at once, as the paper times it: each run's mean of five calls. */
  readonly batchMilliseconds?: Spread;
  /** The same of the original. */
  readonly originalBatchMilliseconds?: Spread;
  /** Share of the time that went. */
  readonly batchTimeCut?: Spread;

  /** How many heads stayed. */
  readonly heads: Spread;
  /** How many MLPs stayed. */
  readonly mlpsKept: Spread;
  /** Accuracy on prompts that nothing has seen. */
  readonly testAccuracy?: Spread;
  /** The circuit's accuracy less the original's, on prompts that nothing has seen. */
  readonly testAccuracyChange?: Spread;
  /** KL(original ‖ circuit) in nats, on the prompts that chose the circuit. */
  readonly kl: Spread;
  /** KL(original ‖ circuit) in nats, on prompts that nothing has seen. */
  readonly testKl?: Spread;
  /** Greater-than alone: probability of later minus earlier years on the test prompts, −1 … 1. */
  readonly yearMass?: Spread;
  /** The same of the original. */
  readonly originalYearMass?: Spread;
  /** Everything, embeddings and biases included. */
  readonly parameters: Spread;
  /** Share of all parameters that went. */
  readonly parametersCut: Spread;
  /** Bytes of the file of weights that the circuit would be shipped as. */
  readonly bytes?: Spread;
  /** Share of the original's bytes that went. */
  readonly bytesCut?: Spread;
}

export interface TableSources {
  readonly rows: readonly SweepRow[];
  readonly timings: readonly CircuitTiming[];
  /** By task. */
  readonly known: ReadonlyMap<string, KnownHeads>;
  /** Of each layer of the model. */
  readonly headCounts: readonly number[];
}

/** One row for each choice that the sweep has runs of, in the choices' order. */
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

/** Nothing unless every run was timed. */
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

/** Nothing unless every run has a test set. */
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
