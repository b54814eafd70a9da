/**
 * `npm run bench -- search`: the search at a model's true shape with seeded random weights. Its decisions are
 * forced to a given circuit, but every candidate is still evaluated. It is compared with plain full forward
 * passes, the least arithmetic that the method needs, and the machine's limit for matrix products, all in one
 * run. `search-cases.ts` has the shapes.
 */
import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { matmulCeiling } from "../src/measure/ceiling.ts";
import { summarize, type Timing } from "../src/measure/latency.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import { type Circuit, circuitOfLists, countKept } from "../src/transformer/circuit.ts";
import { leastFlops } from "./least-flops.ts";
import { plainForward } from "./plain-forward.ts";
import { randomCheckpoint, seededPrompts } from "./random-model.ts";
import { type SearchCase, searchCases } from "./search-cases.ts";
import type { SearchJob, SearchReport } from "./search-process.ts";

export interface SearchBenchOptions {
  readonly shape: keyof typeof searchCases;
  readonly threads: number;
  readonly json: boolean;
}

export const defaultSearchBench: SearchBenchOptions = {
  shape: "gpt2",
  threads: availableParallelism(),
  json: false,
};

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly bar: number;
  readonly met: boolean;
}

/** @returns whether every bar was met. */
export async function benchSearch({ shape, threads, json }: SearchBenchOptions): Promise<boolean> {
  const own: SearchCase = searchCases[shape];
  const { size, patching, validation, length, lowest } = own;
  const cache = join(import.meta.dirname, ".cache");
  await mkdir(cache, { recursive: true });
  const log = (line: string) => process.stderr.write(`${line}\n`);
  log(`weights: seeded random, ${own.name}'s shape, ${own.dtype} safetensors …`);
  const folder = await randomCheckpoint(cache, size, 1, own.dtype);
  const fileBytes = (await stat(join(folder, "model.safetensors"))).size;
  const weightBytes = (4 * fileBytes) / bytesOf[own.dtype];
  const circuit: Circuit = circuitOfLists({
    heads: own.headsByLayer.flatMap((count, layer) =>
      Array.from({ length: count }, (_, head) => [layer, head] as const),
    ),
    mlps: own.mlps,
  });
  const least = leastFlops(size, circuit, { patching, validation, length }, lowest);

  const sample = async () => {
    const runtime = workerRuntime({ threads });
    const checkpoint = await openCheckpoint(folder);
    const ceiling = await matmulCeiling(runtime);
    const forward = await plainForward(
      runtime,
      await readTransformer(checkpoint),
      seededPrompts(validation, length, size.vocabulary, 2),
      own.pieces,
    );
    const last: number[] = [];
    const all: number[] = [];
    for (let run = 0; run <= own.forwardRuns; run++) {
      const [lastTime, allTime] = [await forward.run("last"), await forward.run("all")];
      // The first pair warms caches and is not counted.
      if (run > 0) {
        last.push(lastTime);
        all.push(allTime);
      }
    }
    const after = await matmulCeiling(runtime);
    await forward.close();
    await runtime.close();
    await checkpoint.close();
    return { ceiling: Math.max(ceiling, after), last, all };
  };

  log("ceiling and plain forwards, before …");
  const before = await sample();
  log("the search …");
  const job: SearchJob = { folder, circuit, patching, validation, length, threads, lowest };
  const program = join(import.meta.dirname, "search-process.ts");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, program, JSON.stringify(job)],
    {
      maxBuffer: 1 << 20,
    },
  );
  const search = JSON.parse(stdout) as SearchReport;
  log("ceiling and plain forwards, after …");
  const after = await sample();

  const ceiling = Math.max(before.ceiling, after.ceiling);
  const last = summarize([...before.last, ...after.last]);
  const all = summarize([...before.all, ...after.all]);
  const seconds = search.seconds.total;
  const rate = search.flops / seconds;
  const plainLast = (least.count * last.median) / 1000;
  const plainAll = (least.count * all.median) / 1000;
  const bars = barsOf(own.bars, {
    issued: search.flops / least.total,
    ceiling: rate / ceiling,
    last: plainLast / seconds,
    all: plainAll / seconds,
    memory: search.peakBytes / weightBytes,
  });

  if (json) {
    console.log(
      JSON.stringify(
        {
          options: { shape, threads, ...own },
          machine: machine(threads),
          ceiling,
          least,
          search,
          last,
          all,
          plainLast,
          plainAll,
          weightBytes,
          bars,
        },
        null,
        2,
      ),
    );
  } else {
    console.log(
      [
        `machine                 ${machine(threads)}`,
        `model                   ${own.name}'s shape, seeded random weights, ${mega(weightBytes)} MB float32, stored as ${own.dtype}`,
        `prompts                 ${patching} patching + ${validation} validation of ${length} tokens`,
        `circuit                 ${countKept(circuit).head} heads (${own.headsByLayer.join(" ")}), MLPs ${own.mlps.join(" ")}; ${search.evaluated} candidates, all evaluated${lowest === 0 ? "" : `; bounded: layers below ${lowest} are not tried`}`,
        `matmul ceiling          ${giga(ceiling)} GFLOP/s (before ${giga(before.ceiling)}, after ${giga(after.ceiling)})`,
        `least FLOPs             ${tera(least.total)} TFLOP (passes ${tera(least.passes)}, candidates ${tera(least.candidates)})`,
        `issued FLOPs            ${tera(search.flops)} TFLOP in ${search.runs} runs; ${mega(search.weightBytes)} MB of weights handed over`,
        `(a) search              ${seconds.toFixed(1)} s: load ${search.seconds.load.toFixed(1)}, activations ${search.seconds.activations.toFixed(1)}, candidates ${search.seconds.search.toFixed(1)}; ${giga(rate)} GFLOP/s`,
        `(b) forwards, last      ${plainLast.toFixed(1)} s = ${least.count} × ${spread(last)}; ${tera(least.count * least.forwardLast)} TFLOP, ${giga(least.forwardLast / (last.median / 1000))} GFLOP/s`,
        `(b) forwards, all       ${plainAll.toFixed(1)} s = ${least.count} × ${spread(all)}; ${tera(least.count * least.forwardAll)} TFLOP, ${giga(least.forwardAll / (all.median / 1000))} GFLOP/s`,
        ...whereTimeWent(search, seconds, ceiling),
        ...(own.pieces === undefined
          ? []
          : [
              "    forwards ran in pieces that were loaded one after another; their time is that of the runs alone",
            ]),
        `peak resident memory    ${mega(search.peakBytes)} MB`,
        "",
        ...bars.map(
          ({ name, value, bar, met }) =>
            `${met ? "met   " : "MISSED"}  ${name.padEnd(32)} ${value.toFixed(3).padStart(7)}  (bar ${bar}${met ? "" : `, missed by ${(100 * Math.abs(value / bar - 1)).toFixed(0)} %: the lines above say where the time went`})`,
        ),
      ].join("\n"),
    );
  }
  return bars.every(({ met }) => met);
}

/** The engine's time by kind of graph, and the rest: reading and sending weights, and waiting. */
function whereTimeWent(search: SearchReport, seconds: number, ceiling: number): string[] {
  const graphs = Object.entries(search.graphs).sort(([, a], [, b]) => b.milliseconds - a.milliseconds);
  const busy = graphs.reduce((sum, [, { milliseconds }]) => sum + milliseconds / 1000, 0);
  return [
    ...graphs.map(([name, { runs, flops, milliseconds }]) => {
      const rate = flops / (milliseconds / 1000);
      return `    ${name.padEnd(19)} ${(milliseconds / 1000).toFixed(1).padStart(5)} s in ${runs} runs, ${tera(flops)} TFLOP, ${giga(rate)} GFLOP/s (${((100 * rate) / ceiling).toFixed(0)} % of the ceiling)`;
    }),
    `    outside the engine  ${(seconds - busy).toFixed(1).padStart(5)} s: weights read, handed over and laid out; waiting`,
  ];
}

const bytesOf = { F32: 4, F16: 2, BF16: 2 } as const;

/** A figure without a bar is printed above alone. */
function barsOf(
  bars: SearchCase["bars"],
  found: Readonly<Record<keyof SearchCase["bars"], number>>,
): readonly Bar[] {
  const { issued, ceiling, last, all, memory } = bars;
  return [
    ...(issued === undefined ? [] : [atMost("issued FLOPs / least FLOPs", found.issued, issued)]),
    ...(ceiling === undefined ? [] : [atLeast("issued FLOP/s / ceiling", found.ceiling, ceiling)]),
    ...(last === undefined ? [] : [atLeast("plain forwards (last) / search", found.last, last)]),
    ...(all === undefined ? [] : [atLeast("plain forwards (all) / search", found.all, all)]),
    ...(memory === undefined ? [] : [atMost("peak memory / float32 weights", found.memory, memory)]),
  ];
}

const atMost = (name: string, value: number, bar: number): Bar => ({ name, value, bar, met: value <= bar });
const atLeast = (name: string, value: number, bar: number): Bar => ({ name, value, bar, met: value >= bar });
const giga = (value: number) => (value / 1e9).toFixed(0);
const tera = (value: number) => (value / 1e12).toFixed(2);
const mega = (value: number) => (value / 1e6).toFixed(0);
const spread = ({ median, min, max, runs }: Timing) =>
  `${median.toFixed(0)} ms (${min.toFixed(0)}–${max.toFixed(0)}, ${runs} runs)`;
const machine = (threads: number) =>
  `${cpus()[0]?.model ?? "unknown"}, ${threads} threads, Node ${process.versions.node}`;
