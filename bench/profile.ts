/** Measures where a model's time goes with ONNX Runtime's own profiler: its kernels, by operator. */
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as ort from "onnxruntime-node";

interface OperatorTime {
  readonly operator: string;
  /** Milliseconds a run, median of the runs. */
  readonly milliseconds: number;
}

export interface KernelProfile {
  /** Milliseconds a run: the whole run, and its kernels alone. */
  readonly run: number;
  readonly kernels: number;
  /** The most expensive first. */
  readonly operators: readonly OperatorTime[];
}

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}

/** Runs once to warm up, then `runs` times under the profiler. */
export async function profileModel(
  modelPath: string,
  ids: readonly (readonly number[])[],
  { threads, runs }: { readonly threads: number; readonly runs: number },
): Promise<KernelProfile> {
  const prefix = join(dirname(modelPath), "profile");
  const session = await ort.InferenceSession.create(modelPath, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 3,
    enableProfiling: true,
    profileFilePrefix: prefix,
    extra: { session: { force_spinning_stop: "1" } },
  });
  const input_ids = new ort.Tensor("int64", BigInt64Array.from(ids.flat(), BigInt), [
    ids.length,
    ids[0]?.length ?? 0,
  ]);
  for (let run = 0; run <= runs; run++) {
    for (const output of Object.values(await session.run({ input_ids }))) output.dispose();
  }
  // Without this the binding never writes the trace's end.
  session.endProfiling();
  await session.release();
  const file = (await readdir(dirname(prefix))).find((name) => name.startsWith(basename(prefix)));
  if (file === undefined) throw new Error(`ONNX Runtime wrote no ${prefix}*`);
  const path = join(dirname(prefix), file);
  const trace = JSON.parse(await readFile(path, "utf8")) as readonly TraceEvent[];
  await rm(path);
  return summarizeTrace(trace);
}

function summarizeTrace(trace: readonly TraceEvent[]): KernelProfile {
  const [, ...whole] = trace.filter(({ name }) => name === "model_run").sort((a, b) => a.ts - b.ts);
  const perRun = whole.map(({ ts, dur }) => {
    const own = new Map<string, number>();
    for (const event of trace) {
      const inside = event.cat === "Node" && event.name.endsWith("_kernel_time");
      if (!inside || event.ts < ts || event.ts >= ts + dur) continue;
      const operator = event.args.op_name ?? "?";
      own.set(operator, (own.get(operator) ?? 0) + event.dur / 1000);
    }
    return own;
  });
  const operators = [...new Set(perRun.flatMap((own) => [...own.keys()]))]
    .map((operator) => ({ operator, milliseconds: median(perRun.map((own) => own.get(operator) ?? 0)) }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
  return {
    run: median(whole.map(({ dur }) => dur / 1000)),
    kernels: median(perRun.map((own) => [...own.values()].reduce((sum, time) => sum + time, 0))),
    operators,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
