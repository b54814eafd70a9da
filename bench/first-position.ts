/**
 * `npm run bench -- first-position --model FOLDER --task FILE`: what pooled means gain where they treat the first
 * position apart, on a model that makes it an attention sink; the table of docs/models.md. Sizes, KL and accuracies
 * hardly depend on the machine, and how much is gained depends on the task, so there is no bar.
 */
import { runSweep } from "../src/experiments/run-sweep.ts";
import { planSweep } from "../src/experiments/sweep-plan.ts";
import type { SweepRow } from "../src/experiments/sweep-row.ts";
import { readSweepTasks } from "../src/experiments/sweep-tasks.ts";
import { loadModel } from "../src/jobs/load-model.ts";

export interface FirstPositionBenchOptions {
  /** A model's folder; left out: nano. */
  readonly model?: string | undefined;
  readonly task: string;
  readonly alphas: readonly number[];
  readonly threads?: number | undefined;
  readonly json: boolean;
}

export const defaultFirstPositionBench = { task: "ioi", alphas: [0.02, 0.05, 0.1], json: false } as const;

interface Line extends Pick<SweepRow, "alpha" | "kl" | "accuracy" | "parameters"> {
  readonly replacement: string;
  readonly heads: number;
  readonly mlps: number;
}

const settings = [
  { replacement: "one mean for all", ablation: "mean", firstPosition: "same" },
  { replacement: "the first position apart", ablation: "mean", firstPosition: "apart" },
  { replacement: "zero", ablation: "zero", firstPosition: undefined },
] as const;

export async function benchFirstPosition({
  model: folder,
  task,
  alphas,
  threads,
  json,
}: FirstPositionBenchOptions): Promise<boolean> {
  const model = await loadModel(folder);
  const tasks = await readSweepTasks(model, [task], { means: "pooled", seeds: [0] });
  const lines: Line[] = [];
  for (const { replacement, ablation, firstPosition } of settings) {
    const choice = {
      alphas,
      ablations: [ablation],
      mlps: [true],
      means: "pooled",
      order: "published",
    } as const;
    const plan = planSweep(tasks, { ...choice, firstPosition });
    const { rows } = await runSweep(model, plan, { jobs: 1, threads, allowWeak: true });
    for (const { heads, mlpsKept, alpha, kl, accuracy, parameters } of rows) {
      const kept = { heads: heads.length, mlps: mlpsKept.length };
      lines.push({ replacement, ...kept, alpha, kl, accuracy, parameters });
    }
    if (!json) console.error(table(lines.filter((line) => line.replacement === replacement)));
  }
  await model.close();
  console.log(json ? JSON.stringify(lines, null, 2) : table(lines));
  return true;
}

function table(lines: readonly Line[]): string {
  const share = (value: number | undefined) => (value === undefined ? "" : `${(100 * value).toFixed(0)} %`);
  const rows = lines.map(({ replacement, alpha, kl, heads, mlps, parameters, accuracy }) => [
    ...[replacement, String(alpha), kl.validation.toFixed(3), kl.test?.toFixed(3) ?? ""],
    ...[String(heads), String(mlps), (parameters.circuit.body / 1e6).toFixed(1)],
    ...[share(parameters.circuit.body / parameters.original.body), share(accuracy.test?.circuit)],
  ]);
  const head = [
    "replaced by",
    "α",
    "KL, validation",
    "KL, test",
    "heads",
    "MLPs",
    "body, millions",
    "of all",
    "right",
  ];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
