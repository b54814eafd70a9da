/**
 * The result of a bench for a terminal: a table for every case, then loading and memory, then the machine's
 * limits.
 */
import type { BenchCase, BenchCell, BenchResult, Competitor } from "../jobs/bench/bench-result.ts";
import { formatBytes, formatCount, formatMilliseconds, plural } from "./format.ts";
import { wrap } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export function benchReport(result: BenchResult, style: TerminalStyle): string {
  const { cases, competitors, model, task, machine, notes } = result;
  const prompts = task === undefined ? "random tokens" : `prompts of ${task}`;
  return [
    ` ${style.bold(`${model}, ${prompts}, ${machine.device === "cpu" ? plural(machine.threads, "thread") : "WebGPU"}`)}`,
    ...cases.flatMap((each, index) => [
      ...["", ...caseTable(each, index, competitors, style)],
      ...["", ...workTable(index, competitors, style)],
    ]),
    "",
    ...loadTable(competitors, style),
    "",
    ...paragraph(ceilingText(result), style),
    ...paragraph(
      "Medians, with the quickest and the slowest run; all in turns. “allows” is the speed-up if both ran at the ceilings that bind them: operations, or bytes. FLOPs are those of matrix products; bytes are weights, inputs and outputs, each once.",
      style,
    ),
    ...notes.flatMap((note) => paragraph(note, style)),
  ].join("\n");
}

/** "one prompt of 15 tokens", for titles of tables and charts. */
export function caseTitle({ kind, prompts, tokens }: BenchCase): string {
  const length = plural(tokens, "token");
  switch (kind) {
    case "prompt":
      return `one prompt of ${length}`;
    case "batch":
      return `${plural(prompts, "prompt")} of ${length} at once`;
    case "first token":
      return `first token after ${length}`;
    case "next token":
      return `next token, ${formatCount(tokens)} in the cache`;
  }
}

/** "3.1×". */
export const formatTimes = (factor: number): string => `${factor.toFixed(factor < 9.95 ? 2 : 1)}×`;

function caseTable(
  each: BenchCase,
  index: number,
  competitors: readonly Competitor[],
  style: TerminalStyle,
): readonly string[] {
  const isNext = each.kind === "next token";
  const header = ["", "time", "range", ...(isNext ? ["tokens/s"] : []), "speed-up", "allows"];
  const rows = competitors.flatMap(({ name, cells }) => {
    const cell = cells[index];
    return cell === undefined ? [] : [[name, ...cellTexts(cell, isNext)]];
  });
  return [` ${style.bold(caseTitle(each))}`, ...table([header, ...rows], style)];
}

/** The operations and bytes of a run, and the share of the machine's limits that it reached. */
function workTable(
  index: number,
  competitors: readonly Competitor[],
  style: TerminalStyle,
): readonly string[] {
  const share = (value: number | undefined) => (value === undefined ? "" : `${(100 * value).toFixed(0)} %`);
  const rows = competitors.flatMap(({ name, cells }) => {
    const { flops, bytes, ofCompute, ofBandwidth } = cells[index] ?? {};
    if (flops === undefined || bytes === undefined) return [];
    return [[name, formatFlops(flops), share(ofCompute), formatBytes(bytes), share(ofBandwidth)]];
  });
  return table([["counted", "FLOPs", "of ceiling", "bytes", "of ceiling"], ...rows], style);
}

/** "47.7 M", "7.15 G". */
const formatFlops = (flops: number): string =>
  flops < 1e9 ? `${digits(flops / 1e6)} M` : `${digits(flops / 1e9)} G`;

function cellTexts(cell: BenchCell, isNext: boolean): readonly string[] {
  const { timing, allowed } = cell;
  return [
    formatMilliseconds(timing.median),
    `${digits(timing.min)}–${digits(timing.max)}`,
    ...(isNext ? [digits(1000 / timing.median)] : []),
    speedUpText(cell),
    allowed === undefined ? "" : formatTimes(allowed),
  ];
}

/**
 * "3.10× (3.02–3.17)"; with a question mark where the interval contains 1, so that it is not certain which is
 * faster.
 */
function speedUpText({ speedUp, speedUpInterval }: BenchCell): string {
  if (speedUpInterval === undefined) return formatTimes(speedUp);
  const [low, high] = speedUpInterval;
  if (low === 1 && high === 1) return formatTimes(speedUp);
  const doubt = low <= 1 && high >= 1 ? "?" : "";
  return `${formatTimes(speedUp)}${doubt} (${digits(low)}–${digits(high)})`;
}

function loadTable(competitors: readonly Competitor[], style: TerminalStyle): readonly string[] {
  const rows = competitors.map(({ name, fileBytes, loading }) => [
    name,
    formatBytes(fileBytes),
    loading === undefined ? "" : formatMilliseconds(loading.load.median),
    loading === undefined ? "" : formatMilliseconds(loading.firstAnswer.median),
    loading === undefined ? "" : formatBytes(loading.peakBytes),
    loading === undefined ? "" : formatBytes(Math.max(0, loading.peakBytes - loading.baselineBytes)),
  ]);
  if (competitors.every(({ loading }) => loading === undefined)) {
    return [
      ` ${style.bold("files")}`,
      ...table(
        rows.map((row) => row.slice(0, 2)),
        style,
      ),
    ];
  }
  return [
    ` ${style.bold("loading, in processes of their own")}`,
    ...table([["", "files", "load", "first answer", "peak memory", "of which model"], ...rows], style),
  ];
}

function ceilingText({ ceilings, machine }: BenchResult): string {
  const bandwidth = ceilings.bandwidth
    .map(({ bytes, rate }) => `${(rate / 1e9).toFixed(1)} GB/s for weights of ${formatBytes(bytes)}`)
    .join(", ");
  return `Ceilings, measured in this run: ${(ceilings.compute / 1e9).toFixed(0)} GFLOP/s in matrix products, ${bandwidth}. ${machine.device === "webgpu" ? `Through WebGPU, on a machine with ${machine.processor}` : machine.processor}, ${machine.platform}, ONNX Runtime ${machine.onnxRuntime}, Node ${machine.node}.`;
}

/** Names on the left, numbers on the right; the last columns are left out if they don't fit. */
function table(rows: readonly (readonly string[])[], style: TerminalStyle): readonly string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  let fitting = 0;
  for (let used = 2; fitting < columns; fitting++) {
    used += (widths[fitting] ?? 0) + 2;
    if (used > style.width && fitting > 1) break;
  }
  return rows.map((row, line) => {
    const cells = row.slice(0, fitting).map((text, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? text.padEnd(width) : text.padStart(width);
    });
    const joined = `   ${cells.join("  ")}`.trimEnd();
    return line === 0 ? style.dim(joined) : joined;
  });
}

const paragraph = (text: string, style: TerminalStyle): readonly string[] =>
  wrap(text, style.width - 2).map((line) => ` ${line}`);

/** Three significant digits. */
function digits(value: number): string {
  return value >= 99.95
    ? value.toFixed(0)
    : value >= 9.995
      ? value.toFixed(1)
      : value.toFixed(value >= 0.9995 ? 2 : 3);
}
