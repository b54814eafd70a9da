/**
 * Makes `src/experiments/published-results.json` of the paper's own files: `npx tsx test/published/compact.ts`.
 * Accuracies and rates become the counts that they are shares of, so nothing is rounded away.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";

const folder = import.meta.dirname;
export const compactFile = join(folder, "../../src/experiments/published-results.json");

export const publishedTasks = ["acronyms", "ioi", "greater-than"] as const;
type PublishedTask = (typeof publishedTasks)[number];
export const runNumbers = [1, 2, 3, 4, 5] as const;

/** Prompts of a batch (paper, section 4, RQ2), known heads, and the table's files with the α printed there. */
const facts = {
  acronyms: { prompts: 250, known: 8, tables: { "0.09": 0.0886, "0.04_mlp": 0.035 } },
  ioi: { prompts: 150, known: 23, tables: { "0.01": 0.00853, "0.02_mlp": 0.0188 } },
  "greater-than": { prompts: 250, known: 8, tables: { "0.09": 0.0853, "0.09_mlp": 0.0853 } },
} as const;
const heads = 144;

/** A file's lines by column name. */
export function readCsv(path: string): readonly Readonly<Record<string, string>>[] {
  return parse(readFileSync(join(folder, path), "utf8"), { columns: true, skip_empty_lines: true });
}

export function column(rows: readonly Readonly<Record<string, string>>[], name: string): readonly number[] {
  return rows.map((row) => {
    const value = row[name];
    if (value === undefined || value === "") throw new RangeError(`no ${name}`);
    return Number(value);
  });
}

/** Shares as counts of `whole`. The files' accuracies are float32, so some are a few units of 1e-8 off. */
function counts(shares: readonly number[], whole: number): readonly number[] {
  return shares.map((share) => {
    const count = Math.round(share * whole);
    if (Math.abs(count / whole - share) > 1e-6) throw new RangeError(`${share} is no share of ${whole}`);
    return count;
  });
}

function sweepOf(task: PublishedTask) {
  const { prompts } = facts[task];
  const files = runNumbers.map((run) => readCsv(`hyperparameter/${task}_results_${run}.csv`));
  const settings = (["mean", "zero"] as const).flatMap((ablation) =>
    [false, true].map((mlps) => ({
      ablation,
      mlps,
      runs: files.map((file) => {
        const rows = file.filter(
          (row) => row["ablation_scheme"] === ablation && row["include_mlps"] === (mlps ? "True" : "False"),
        );
        return {
          right: counts(column(rows, "accuracy"), prompts),
          size: column(rows, "size"),
          heads: column(rows, "n_heads"),
          mlpsKept: column(rows, "n_mlp"),
        };
      }),
    })),
  );
  const alphas = [...new Set(files.flatMap((file) => column(file, "threshold")))];
  return { task, prompts, alphas, settings };
}

function rocOf(task: PublishedTask) {
  const { known } = facts[task];
  const runs = (ablation: string) =>
    runNumbers.map((run) => {
      const rows = readCsv(`roc/${task}_${ablation}_${run}.csv`);
      return {
        truePositives: counts(column(rows, "TPR"), known),
        falsePositives: counts(column(rows, "FPR"), heads - known),
      };
    });
  return { task, known, heads, mean: runs("mean"), zero: runs("zero") };
}

function tablesOf(task: PublishedTask) {
  return Object.entries(facts[task].tables).map(([name, alpha]) => {
    const benchmark = readCsv(`benchmark/${task}_${name}.csv`);
    const rates = readCsv(`discovery/${task}_${name}.csv`);
    return {
      task,
      mlps: name.endsWith("_mlp"),
      alpha,
      accuracy: column(benchmark, "Accuracy"),
      accuracyChange: column(benchmark, "D Acc"),
      size: column(benchmark, "Size"),
      sizeCut: column(benchmark, "D Size"),
      seconds: column(benchmark, "Time"),
      timeCut: column(benchmark, "D time"),
      tpr: column(rates, "TPR"),
      fpr: column(rates, "FPR"),
    };
  });
}

/** All that `pith reproduce` shows of the paper's results. */
export function compactResults() {
  return {
    source: "jgcarrasco/circuit-extraction@449b1072c18c09ee155d5b96046e373b4d82790d",
    sweeps: publishedTasks.map(sweepOf),
    roc: publishedTasks.map(rocOf),
    tables: publishedTasks.flatMap(tablesOf),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(compactFile, `${JSON.stringify(compactResults())}\n`);
}
