/**
 * `npm run bench -- compiled`: compares nano's circuits of the three tasks and their compiled forms with the
 * original: sizes, times, accuracy, and the difference from the patched model. Every circuit is searched for
 * again.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import { bench } from "../src/jobs/bench/bench.ts";
import type { BenchCell, Competitor } from "../src/jobs/bench/bench-result.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { extract } from "../src/jobs/extract/extract.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { countKept } from "../src/transformer/circuit.ts";

export interface CompiledBenchOptions {
  readonly threads: number;
  readonly json: boolean;
}

export const defaultCompiledBench: CompiledBenchOptions = { threads: availableParallelism(), json: false };

interface TaskResult {
  readonly task: string;
  readonly heads: number;
  readonly mlps: number;
  /** Share of right answers on the test prompts; of the compiled form, over its answers. */
  readonly accuracy: { readonly original: number; readonly circuit: number; readonly compiled: number };
  /** The largest difference of a logit from the patched model; of the compiled form, less the prompt's mean. */
  readonly verified: { readonly circuit: number; readonly compiled: number };
  /** The original, the circuit and the compiled circuit. */
  readonly competitors: readonly Competitor[];
}

const tolerance = 1e-4;

/** @returns whether every circuit and compiled circuit agrees with the patched model. */
export async function benchCompiled({ threads, json }: CompiledBenchOptions): Promise<boolean> {
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  const room = await mkdtemp(join(cache, "compiled-"));
  const model = await loadModel();
  try {
    const results: TaskResult[] = [];
    for (const name of PAPER_TASKS) {
      console.error(`${name}: the search, compiling, timing …`);
      const task = await readTask(name, { tokenizer: model.tokenizer });
      const [plain, compiled] = [join(room, name), join(room, `${name}-compiled`)];
      const { circuit } = await extract(model, task, plain, { threads, bos: task.bos ?? false });
      const compilation = await compileFolder(plain, compiled, { task, original: model, threads });
      const { competitors } = await bench([plain, compiled], { original: model, task, threads });
      results.push(describe(name, circuit, compilation.circuit, competitors));
    }
    const agree = results.every(({ verified }) => Math.max(verified.circuit, verified.compiled) <= tolerance);
    console.log(
      json ? JSON.stringify({ threads, results, agree }, null, 2) : report(results, threads, agree),
    );
    return agree;
  } finally {
    await model.close();
    await rm(room, { recursive: true, force: true });
  }
}

function describe(
  task: string,
  circuit: CircuitFile,
  compiled: CircuitFile,
  competitors: readonly Competitor[],
): TaskResult {
  const { metrics } = circuit;
  const kept = countKept(circuit.kept);
  return {
    task,
    heads: kept.head,
    mlps: kept.mlp,
    accuracy: {
      original: metrics.accuracy.test?.original ?? Number.NaN,
      circuit: metrics.accuracy.test?.circuit ?? Number.NaN,
      compiled: compiled.compiled?.accuracy.test?.answers ?? Number.NaN,
    },
    verified: {
      circuit: metrics.verified,
      compiled: compiled.compiled?.verified.patched ?? Number.NaN,
    },
    competitors,
  };
}

function report(results: readonly TaskResult[], threads: number, agree: boolean): string {
  const lines = results.flatMap(({ task, heads, mlps, accuracy, verified, competitors }) =>
    competitors.map((each, index) => {
      const kind = (["original", "circuit", "compiled"] as const)[index] ?? "original";
      const name =
        index === 1 ? `${task}, ${counted(heads, "head")} + ${counted(mlps, "MLP")}` : `${task}, ${kind}`;
      return row([
        name,
        `${(each.fileBytes / 1e6).toFixed(2)} MB`,
        milliseconds(each.cells[0]),
        milliseconds(each.cells[1]),
        `${(100 * accuracy[kind]).toFixed(1)} %`,
        kind === "original" ? "" : verified[kind].toExponential(1),
      ]);
    }),
  );
  const machine = `${cpus()[0]?.model.trim() ?? "unknown"}, ${threads} threads, Node ${process.version}`;
  return [
    machine,
    row(["nano", "weights", "one prompt", "all prompts at once", "test accuracy", "to the patched model"]),
    row(["---", "---:", "---:", "---:", "---:", "---:"]),
    ...lines,
    agree ? `met: all within ${tolerance}` : `MISSED: not all within ${tolerance}`,
  ].join("\n");
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** Median, range, and the speed relative to the original. */
function milliseconds(cell: BenchCell | undefined): string {
  if (cell === undefined) return "";
  const [median, least, most] = [cell.timing.median, cell.timing.min, cell.timing.max];
  const digits = (value: number) => value.toPrecision(3);
  return `${digits(median)} ms (${digits(least)}–${digits(most)}), ${cell.speedUp.toFixed(2)}×`;
}
