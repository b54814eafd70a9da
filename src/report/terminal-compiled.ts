/** For a terminal: the words that a compiled circuit accepts, and the gain in size and speed. */
import type { CircuitFile } from "../export/circuit-file.ts";
import type { CompiledRecord } from "../export/compiled-record.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatMilliseconds,
  formatShare,
  formatSpeed,
} from "./format.ts";
import { layOut, type Row } from "./layout.ts";
import { dtypeRows } from "./terminal-dtype.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export function compilationReport(folder: string, circuit: CircuitFile, style: TerminalStyle): string {
  const rows = circuit.compiled === undefined ? [] : compiledRows(circuit.compiled, circuit, style);
  return ["", ...layOut([...rows, ...dtypeRows(circuit, style), ["folder", folder]], style), ""].join("\n");
}

export function compiledRows(
  { accuracy, answers, circuitBytes, milliseconds, rows, speed, task, tokens, verified }: CompiledRecord,
  { metrics, dtype }: CircuitFile,
  style: TerminalStyle,
): readonly Row[] {
  const { arrow } = style.symbols;
  const splits = (["test", "validation", "patching"] as const).flatMap((split): Row[] => {
    const measured = accuracy[split];
    if (measured === undefined) return [];
    return [
      [
        split,
        `accuracy ${formatShare(measured.answers)} over the ${answers.length} answers, ${formatShare(measured.vocabulary)} over the whole vocabulary`,
      ],
    ];
  });
  // A narrower format is applied after compiling and has rows of its own.
  const { original } = metrics.bytes;
  const compiled = dtype?.float32.bytes ?? metrics.bytes.circuit;
  const exactly = dtype === undefined ? "" : ", in float32";
  return [
    [
      "compiled",
      `for the words of ${task.name}: prompts of ${tokens.length} tokens, ${answers.length} answers`,
      `tables of ${formatCount(rows.pairs)} (token, position) pairs; ${formatCount(rows.distinctTokens)} tokens × ${tokens.length} positions would be ${formatCount(rows.full)}`,
    ],
    ...splits,
    [
      "weights",
      `${formatBytes(circuitBytes)} ${arrow} ${formatBytes(compiled)} (${formatChange(circuitBytes, compiled)}; the original has ${formatBytes(original)})${exactly}`,
    ],
    [
      "time",
      `${formatMilliseconds(milliseconds.circuit)} ${arrow} ${formatMilliseconds(milliseconds.compiled)} for one prompt, medians, in turns${exactly}`,
      ...(speed === undefined ? [] : [formatSpeed(speed)]),
    ],
    [
      "verified",
      `answers' logits within ${verified.circuit.toExponential(1)} of the circuit's on every prompt${verified.patched === undefined ? "" : `, within ${verified.patched.toExponential(1)} of the patched model's on validation and test set`}${exactly}`,
    ],
  ];
}
