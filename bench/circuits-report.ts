/** The circuits bench as a table, with the bars that it must meet. */
import { cpus } from "node:os";
import { leastSeconds } from "../src/measure/roofline.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { headNumber } from "../src/transformer/component.ts";
import {
  type BatchResult,
  type Cell,
  type CircuitsBench,
  type Kind,
  kinds,
  type ShapeResult,
} from "./circuits-result.ts";

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly bar: number;
  readonly met: boolean;
}

/**
 * The measured time is compared with the limit by FLOPs from this many prompts on, and with the limit by bytes
 * below.
 */
const manyPrompts = 32;

export function circuitsReport(result: CircuitsBench): {
  readonly text: string;
  readonly bars: readonly Bar[];
} {
  const { ceilings, checkpointBytes, options, shapes } = result;
  const bars = shapes.flatMap((shape) => shapeBars(shape, checkpointBytes));
  const lines = [
    `machine    ${cpus()[0]?.model ?? "unknown"}, ${options.threads} threads, Node ${process.versions.node}`,
    `model      GPT-2 small's shape, seeded random weights, ${mega(checkpointBytes)} MB float32`,
    `ceilings   ${giga(ceilings.compute)} GFLOP/s; weights streamed at ${giga(ceilings.memory)} GB/s from memory, ${giga(ceilings.small)} GB/s where 38 MB are used again and again`,
    ...shapes.flatMap((shape) => ["", ...shapeLines(shape, result)]),
    "",
    "allowed: what FLOPs (many prompts) or bytes (one) alone allow, as the bars count; roofline: if both ran at the ceiling that binds them",
    ...bars.map(
      ({ name, value, bar, met }) =>
        `${met ? "met   " : "MISSED"}  ${name.padEnd(62)} ${value.toFixed(2).padStart(6)}  (bar ${bar}${met ? "" : `, missed by ${(100 * (1 - value / bar)).toFixed(0)} %`})`,
    ),
  ];
  return { text: lines.join("\n"), bars };
}

function shapeBars(shape: ShapeResult, checkpointBytes: number): readonly Bar[] {
  const bars = shape.batches.flatMap(({ batch, cells }) => {
    const { share } = speedUp(cells, "circuit", batch);
    const many = batch >= manyPrompts;
    const own = atLeast(
      `${shape.name}, ${batch}: circuit, share of what ${many ? "FLOPs" : "bytes"} allow`,
      share,
      many ? 0.8 : 0.7,
    );
    if (shape.name !== "greater-than") return [own];
    const compiled = speedUp(cells, "compiled", batch);
    return [
      own,
      atLeast(`${shape.name}, ${batch}: compiled, times as fast`, compiled.measured, many ? 20 : 10),
    ];
  });
  if (shape.name !== "greater-than") return bars;
  return [
    ...bars,
    atLeast(
      `${shape.name}: compiled, share of the original's file that went`,
      1 - shape.files.compiled / checkpointBytes,
      0.9,
    ),
  ];
}

function shapeLines(shape: ShapeResult, { ceilings }: CircuitsBench): readonly string[] {
  const { circuit, length, pairs } = shape;
  const { heads, mlps } = listsOf(circuit);
  return [
    `${shape.name}: ${heads.length} heads (${heads.map((head) => headNumber(...head)).join(" ")}), MLPs ${mlps.join(" ")}; prompts of ${length} tokens; tables of ${pairs} rows`,
    "  prompts  model     median, range (ms)                  GFLOP      MB  of ceilings   faster  allowed  share  roofline",
    ...shape.batches.flatMap(({ batch, cells }) => kinds.map((kind) => row(batch, kind, cells, ceilings))),
    "  model     file MB   load ms  first answer ms   peak MB (before the model)",
    ...kinds.map((kind) => {
      const { load, firstAnswer, peakBytes, baselineBytes } = shape.loads[kind];
      return `  ${kind.padEnd(9)}${mega(shape.files[kind]).padStart(8)}${load.median.toFixed(0).padStart(10)}${firstAnswer.median.toFixed(0).padStart(17)}${mega(peakBytes).padStart(10)} (${mega(baselineBytes)})`;
    }),
    "  where the time goes, by ONNX Runtime's profiler (ms a run)",
    ...shape.batches.flatMap(({ batch, cells }) =>
      kinds.map((kind) => `  ${String(batch).padStart(7)}  ${kind.padEnd(9)} ${profileLine(cells[kind])}`),
    ),
  ];
}

function row(
  batch: number,
  kind: Kind,
  cells: BatchResult["cells"],
  { compute, memory, small }: CircuitsBench["ceilings"],
): string {
  const { flops, bytes, timing } = cells[kind];
  const seconds = timing.median / 1000;
  const rates = (each: Cell) => ({ compute, bandwidth: each.bytes < 64e6 ? small : memory });
  const { bandwidth } = rates(cells[kind]);
  const least = (each: Cell) => leastSeconds(each, rates(each));
  const roofline = least(cells.original) / least(cells[kind]);
  const reached = `${percent(flops / seconds / compute)} ${percent(bytes / seconds / bandwidth)}`;
  const { measured, allowed, share } = speedUp(cells, kind, batch);
  const spread = `${short(timing.median)} (${short(timing.min)} to ${short(timing.max)}, ${timing.runs})`;
  const gain =
    kind === "original"
      ? ""
      : `${measured.toFixed(2).padStart(9)}${allowed.toFixed(2).padStart(9)}${share.toFixed(2).padStart(7)}${roofline.toFixed(2).padStart(10)}`;
  return `  ${String(batch).padStart(7)}  ${kind.padEnd(9)} ${spread.padEnd(33)}${(flops / 1e9).toFixed(2).padStart(8)}${mega(bytes).padStart(8)}  ${reached} ${gain}`;
}

/**
 * The speed relative to the original. The limit is the one by FLOPs or by bytes, whichever applies to that many
 * prompts.
 */
function speedUp(cells: BatchResult["cells"], kind: Kind, batch: number) {
  const of = (count: (cell: Cell) => number) => count(cells.original) / count(cells[kind]);
  const measured = of(({ timing }) => timing.median);
  const allowed = batch >= manyPrompts ? of(({ flops }) => flops) : of(({ bytes }) => bytes);
  return { measured, allowed, share: measured / allowed };
}

function profileLine({ profile }: Cell): string {
  const shown = profile.operators
    .slice(0, 5)
    .map(({ operator, milliseconds }) => `${operator} ${short(milliseconds)}`);
  return `${short(profile.run)}: kernels ${short(profile.kernels)}, of which ${shown.join(", ")}`;
}

const atLeast = (name: string, value: number, bar: number): Bar => ({ name, value, bar, met: value >= bar });
const mega = (value: number) => (value / 1e6).toFixed(0);
const giga = (value: number) => (value / 1e9).toFixed(0);
const percent = (value: number) => `${(100 * value).toFixed(0)} %`.padStart(6);
const short = (milliseconds: number) => milliseconds.toPrecision(3);
