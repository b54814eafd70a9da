/**
 * The texts at the end of a command: about an extraction, a circuit folder, an evaluation, a prompt. Pure
 * functions from results to text. The accuracy on the test set, which was not used for any choice, always comes
 * first.
 */

import { findSearch } from "../discovery/searches/index.ts";
import type { Prediction } from "../export/ask-circuit.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { constantsText } from "../export/constants-text.ts";
import { shapeOfFile } from "../export/file-circuit.ts";
import { meansText, sinkText } from "../export/means-text.ts";
import { rankTexts } from "../export/rank-texts.ts";
import { describeSearch } from "../export/search-text.ts";
import { taskLabel } from "../export/task-label.ts";
import type { Extraction } from "../jobs/extract/extract.ts";
import type { Evaluation } from "../jobs/load-circuit.ts";
import { weightBits } from "./bits-per-weight.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatKl,
  formatMilliseconds,
  formatShare,
  formatSpeed,
  plural,
} from "./format.ts";
import { keptOfAll } from "./kept-text.ts";
import { layOut, type Row, wrap } from "./layout.ts";
import { compiledRows } from "./terminal-compiled.ts";
import { constantsRows } from "./terminal-constants.ts";
import { curveRows } from "./terminal-curve.ts";
import { dtypeRows } from "./terminal-dtype.ts";
import { layersOfCircuit, mapLegend, terminalMap } from "./terminal-map.ts";
import { stabilityReport } from "./terminal-stability.ts";
import type { TerminalStyle } from "./terminal-style.ts";
import { targetRows, targetText } from "./terminal-target.ts";

/** The order in which splits are shown. */
const splits = ["test", "validation", "patching"] as const;

type ExtractionFacts = Pick<Extraction, "folder" | "circuit" | "timing" | "threads" | "seconds">;

/** @param next the command to try next. */
export function extractionReport(
  { folder, circuit, timing, threads, seconds }: ExtractionFacts,
  context: { readonly next: string },
  style: TerminalStyle,
): string {
  const rows: readonly Row[] = [
    ...circuitRows(circuit, style),
    ...dtypeRows(circuit, style),
    [
      circuit.dtype === undefined ? "time" : "time, f32",
      ...(timing === undefined ? notTimed : timesTaken(timing, threads, style)),
    ],
    ["took", `${formatDuration(seconds)} for ${workDone(circuit)}`],
    ["folder", folder],
  ];
  return text([
    ...picture(circuit, style),
    "",
    ...layOut(rows, style),
    ...stabilityLines(circuit, style),
    "",
    ` ${style.bold("next")}`,
    `   ${context.next}`,
  ]);
}

/** The text in place of a time if the original was too large to be loaded as one graph. */
const notTimed = ["not taken: the original is too large for one graph", "it was measured layer by layer"];

function timesTaken(
  { original, circuit, speed }: NonNullable<Extraction["timing"]>,
  threads: number,
  style: TerminalStyle,
): readonly string[] {
  const { arrow } = style.symbols;
  const range = (times: { readonly min: number; readonly max: number }) =>
    `${formatMilliseconds(times.min)} to ${formatMilliseconds(times.max)}`;
  return [
    `${formatMilliseconds(original.median)} ${arrow} ${formatMilliseconds(circuit.median)} per prompt, ${formatSpeed(speed)}`,
    `medians of ${plural(circuit.runs, "run")} each in ONNX Runtime, one at a time, ${plural(threads, "thread")}`,
    `from ${range(original)} ${arrow} from ${range(circuit)}`,
  ];
}

/** A circuit folder, from its circuit.json. */
export function circuitReport(directory: string, circuit: CircuitFile, style: TerminalStyle): string {
  const { arrow } = style.symbols;
  const { milliseconds } = circuit.metrics;
  const rows: Row[] = [...circuitRows(circuit, style), ...dtypeRows(circuit, style)];
  if (milliseconds !== undefined) {
    rows.push([
      "time",
      `${formatMilliseconds(milliseconds.original)} ${arrow} ${formatMilliseconds(milliseconds.circuit)} per prompt, when it was made`,
      ...(milliseconds.speed === undefined ? [] : [formatSpeed(milliseconds.speed)]),
    ]);
  } else if (circuit.metrics.originalRun !== undefined) rows.push(["time", ...notTimed]);
  if (circuit.compiled !== undefined) rows.push(...compiledRows(circuit.compiled, circuit, style));
  rows.push(["input", inputOf(circuit)], ["folder", directory]);
  return text([...picture(circuit, style), "", ...layOut(rows, style), ...stabilityLines(circuit, style)]);
}

function stabilityLines(circuit: CircuitFile, style: TerminalStyle): readonly string[] {
  const { stability } = circuit;
  return stability === undefined ? [] : ["", ...stabilityReport(stability, circuit.kept, style)];
}

function workDone({ search, stability, target }: CircuitFile): string {
  // A search by gates judges no candidates one by one.
  if (findSearch(search.name)?.gates === true) return `the ${search.name} search`;
  if (target !== undefined) return plural(target.evaluations, "evaluation");
  if (stability === undefined) return plural(search.trace.length, "candidate");
  return `${stability.runs + 1} searches, ${stability.runs} of them on resampled prompts`;
}

export function evaluationReport(
  subject: { readonly directory: string; readonly task: string; readonly circuit: CircuitFile },
  evaluation: Evaluation,
  style: TerminalStyle,
): string {
  const { arrow } = style.symbols;
  const rows: Row[] = [];
  for (const split of splits) {
    const result = evaluation.splits[split];
    if (result === undefined) continue;
    const { accuracy, originalAccuracy, kl, examples, yearMass, originalYearMass } = result;
    const before = originalAccuracy === undefined ? "" : `${formatShare(originalAccuracy)} ${arrow} `;
    rows.push([
      split,
      `accuracy ${before}${formatShare(accuracy)} on ${plural(examples, "prompt")}`,
      ...(kl === undefined ? [] : [`KL to the original ${formatKl(kl)} nats`]),
      ...(yearMass === undefined
        ? []
        : [`p(later years) − p(earlier) ${years(originalYearMass, yearMass, style)}`]),
    ]);
  }
  const { compiled } = subject.circuit;
  if (compiled !== undefined) {
    rows.push(["over", `the ${plural(compiled.answers.length, "answer")} that the circuit was compiled for`]);
  }
  rows.push(...constantsRows(subject.circuit.constants), ...sizeRows(subject.circuit, style));
  return text([` ${style.bold(`${subject.directory} on ${subject.task}`)}`, "", ...layOut(rows, style)]);
}

/** The most likely next tokens, quoted, so that their spaces are visible. */
export function predictionsReport(predictions: readonly Prediction[], style: TerminalStyle): string {
  const quoted = predictions.map(({ text }) => JSON.stringify(text));
  const width = Math.max(0, ...quoted.map((each) => each.length));
  const barRoom = Math.min(30, style.width - width - 14);
  return text(
    predictions.map(({ probability }, index) => {
      const filled = Math.round(probability * barRoom);
      const bar = barRoom < 5 ? "" : `  ${style.paint("keptMlp", style.symbols.keptMlp.repeat(filled))}`;
      return ` ${(quoted[index] ?? "").padEnd(width)}  ${formatShare(probability).padStart(7)}${bar}`.trimEnd();
    }),
  );
}

function picture(circuit: CircuitFile, style: TerminalStyle): readonly string[] {
  const { model, replacement } = circuit;
  const head = `${model.name} on ${taskLabel(circuit)}`;
  const rule =
    circuit.target === undefined ? describeSearch(circuit.search).rule : targetText(circuit.target);
  const biases = replacement.valueBias === "kept" ? " (value biases kept)" : "";
  const fitted = circuit.constants === undefined ? "" : `, ${constantsText(circuit.constants)}`;
  const how = `${replacement.ablation} ablation${biases}, ${rule}, ${meansText(replacement)}${fitted}`;
  const layers = layersOfCircuit(shapeOfFile(circuit), circuit.kept);
  return [
    ` ${style.bold(head)}`,
    ...wrap(how, style.width - 1).map((line) => ` ${line}`),
    "",
    ...terminalMap(layers, style),
    "",
    mapLegend(style),
    ...layOut([["kept", keptOfAll(circuit).join(" and ")]], style),
  ];
}

function circuitRows(circuit: CircuitFile, style: TerminalStyle): readonly Row[] {
  const { arrow } = style.symbols;
  const { metrics, task, replacement } = circuit;
  const accuracy = splits.flatMap((split) => {
    const pair = metrics.accuracy[split];
    if (pair === undefined) return [];
    return [
      `${formatShare(pair.original)} ${arrow} ${formatShare(pair.circuit)} on ${plural(task.examples[split], `${split} prompt`)}`,
    ];
  });
  const kl = splits.flatMap((split) => {
    const value = metrics.kl[split];
    return value === undefined ? [] : [`${formatKl(value)} nats on the ${split} prompts`];
  });
  const yearMass = splits.flatMap((split) => {
    const pair = metrics.yearMass?.[split];
    if (pair === undefined) return [];
    return [`p(later) − p(earlier) ${years(pair.original, pair.circuit, style)} on the ${split} prompts`];
  });
  return [
    ["accuracy", ...(accuracy.length === 0 ? ["not measured"] : accuracy)],
    ["KL", ...(kl.length === 0 ? ["not measured"] : kl)],
    ...constantsRows(circuit.constants),
    ...(yearMass.length === 0 ? [] : [["years", ...yearMass] as const]),
    ...sizeRows(circuit, style),
    ...targetRows(circuit),
    ...curveRows(circuit),
    ...(replacement.firstPosition === "apart" && replacement.sink
      ? [["sink", `the first position: ${sinkText(replacement.sink)}`] as const]
      : []),
    ["checked", `standalone and patched logits differ by ${formatKl(metrics.verified)} at most`],
  ];
}

/**
 * The probability of later minus earlier years, -1 to 1, of the circuit, and of the original if it is available.
 */
function years(original: number | undefined, circuit: number, { symbols }: TerminalStyle): string {
  const before = original === undefined ? "" : `${original.toFixed(3)} ${symbols.arrow} `;
  return `${before}${circuit.toFixed(3)}`;
}

function sizeRows(circuit: CircuitFile, style: TerminalStyle): readonly Row[] {
  const { arrow } = style.symbols;
  const { parameters, bytes } = circuit.metrics;
  const change = (before: number, after: number, format: (value: number) => string) =>
    `${format(before)} ${arrow} ${format(after)} (${formatChange(before, after)})`;
  const bits = weightBits(circuit);
  // A circuit's file may be larger than a half-precision original's, though it holds fewer numbers: the text
  // explains this.
  const sameBits = (bytes.original * bits.circuit) / bits.original;
  const weights =
    bits.original === bits.circuit
      ? [change(bytes.original, bytes.circuit, formatBytes)]
      : [
          `${change(bytes.original, bytes.circuit, formatBytes)}: ${bits.original} bits a weight ${arrow} ${bits.circuitText}`,
          ...(bits.isMixed
            ? []
            : [`${change(sameBits, bytes.circuit, formatBytes)} at ${bits.circuit} bits each`]),
        ];
  return [
    [
      "parameters",
      `body ${change(parameters.original.body, parameters.circuit.body, formatCount)}`,
      `all ${change(parameters.original.total, parameters.circuit.total, formatCount)}`,
    ],
    ...rankRows(circuit, style),
    ["weights", ...weights],
  ];
}

/** To what rank heads were cut, and what that saved and cost. */
function rankRows({ headRank }: CircuitFile, { symbols }: TerminalStyle): readonly Row[] {
  if (headRank === undefined) return [];
  const { body, kl } = headRank;
  const texts = rankTexts(headRank);
  if (texts === undefined) return [["head rank", "no head is kept, so none was cut"]];
  return [
    [
      "head rank",
      `${texts.rank} of ${texts.of}`,
      `body ${formatCount(body.whole)} ${symbols.arrow} ${formatCount(body.cut)} (${formatChange(body.whole, body.cut)})`,
      `KL ${formatKl(kl.whole)} ${symbols.arrow} ${formatKl(kl.cut)} nats on the patching and validation prompts`,
    ],
  ];
}

function inputOf({ profile }: CircuitFile): string {
  return profile.kind === "aligned"
    ? `prompts of ${plural(profile.length, "token")} (aligned)`
    : "prompts of any length, with a key/value cache (decoder)";
}

function text(lines: readonly string[]): string {
  return lines.map((line) => line.trimEnd()).join("\n");
}
