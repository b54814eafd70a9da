/**
 * `npm run bench -- first-position --model FOLDER --task FILE`: what pooled means gain where they treat the first
 * position apart, on a model that makes it an attention sink; see docs/models.md. All α walk down the model at once.
 * Circuits of one α differ in size and in KL, so sizes are compared at equal KL, between neighbouring circuits by the
 * logarithm of KL. How much is gained depends on model and task, so there is no bar.
 */
import { runSweep } from "../src/experiments/run-sweep.ts";
import { planSweep } from "../src/experiments/sweep-plan.ts";
import type { SweepRow } from "../src/experiments/sweep-row.ts";
import { readSweepTasks } from "../src/experiments/sweep-tasks.ts";
import type { OnEvent } from "../src/jobs/events.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { markdownTable } from "./markdown-table.ts";
import { reportEvery } from "./report-every.ts";
import { type SizedCircuit, sizesAtEqualKl } from "./sizes-at-equal-kl.ts";

export interface FirstPositionBenchOptions {
  /** A model's folder or GGUF file; left out: nano. */
  readonly model?: string | undefined;
  readonly task: string;
  readonly alphas: readonly number[];
  /** How many prompts of each set are used, at most; left out: all. */
  readonly prompts?: number | undefined;
  readonly threads?: number | undefined;
  readonly json: boolean;
}

export const defaultFirstPositionBench = {
  ...{ task: "ioi", alphas: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2], json: false },
} as const;

interface Line extends Pick<SweepRow, "alpha" | "kl" | "accuracy" | "parameters"> {
  readonly firstPosition: "same" | "apart";
  readonly heads: number;
  readonly mlps: number;
}

export async function benchFirstPosition(options: FirstPositionBenchOptions): Promise<boolean> {
  const { json } = options;
  const same = await sweepOf("same", options);
  // It took minutes, and what comes next may be interrupted.
  process.stderr.write(`${table(same)}\n`);
  const apart = await sweepOf("apart", options);
  const atEqualKl = sizesAtEqualKl(sized(same), sized(apart));
  const lines = [...same, ...apart];
  if (json) console.log(JSON.stringify({ lines, atEqualKl }, null, 2));
  else {
    console.log(table(lines));
    const head = ["KL, validation", "body, same, millions", "body, apart, millions", "ratio"];
    const rows = atEqualKl.map(({ kl, first, second }) => [
      ...[kl.toFixed(3), millions(first), millions(second), (second / first).toFixed(2)],
    ]);
    console.log(`\n${markdownTable(head, rows)}`);
  }
  return true;
}

async function sweepOf(
  firstPosition: "same" | "apart",
  { model: folder, task, alphas, prompts, threads }: FirstPositionBenchOptions,
): Promise<readonly Line[]> {
  const model = await loadModel(folder);
  try {
    const tasks = await readSweepTasks(model, [task], { means: "pooled", seeds: [0] });
    const plan = planSweep(tasks, {
      ...{ alphas, ablations: ["mean"], mlps: [true], means: "pooled", firstPosition, order: "published" },
    });
    const units = plan.units.map(({ encoded, ...unit }) => ({
      ...unit,
      encoded: {
        ...encoded,
        patching: encoded.patching.slice(0, prompts),
        validation: encoded.validation.slice(0, prompts),
        test: encoded.test.slice(0, prompts),
      },
    }));
    const report = reportEvery(5);
    const onEvent: OnEvent = (event) => {
      if (event.kind !== "sweep") return;
      const percent = ((100 * event.work) / event.total).toFixed(0);
      // The last third is measuring.
      report(`first position ${firstPosition}: ${percent} %, ${event.evaluations} evaluations`);
    };
    const { rows } = await runSweep(
      model,
      { ...plan, units },
      { ...{ jobs: 1, threads, allowWeak: true, onEvent } },
    );
    return rows.map(({ heads, mlpsKept, alpha, kl, accuracy, parameters }) => ({
      ...{ firstPosition, heads: heads.length, mlps: mlpsKept.length, alpha, kl, accuracy, parameters },
    }));
  } finally {
    await model.close();
  }
}

const sized = (lines: readonly Line[]): readonly SizedCircuit[] =>
  lines.map(({ kl, parameters }) => ({ kl: kl.validation, size: parameters.circuit.body }));

const millions = (value: number) => (value / 1e6).toFixed(1);

function table(lines: readonly Line[]): string {
  const share = (value: number | undefined) => (value === undefined ? "" : `${(100 * value).toFixed(0)} %`);
  const head = ["first position", "α", "heads", "MLPs", "body, millions", "of all"];
  const rows = lines.map(({ firstPosition, alpha, kl, heads, mlps, parameters, accuracy }) => [
    ...[firstPosition, String(alpha), String(heads), String(mlps), millions(parameters.circuit.body)],
    ...[share(parameters.circuit.body / parameters.original.body), kl.validation.toFixed(3)],
    ...[kl.test?.toFixed(3) ?? "", share(accuracy.test?.circuit)],
  ]);
  return markdownTable([...head, "KL, validation", "KL, test", "right, test"], rows);
}
