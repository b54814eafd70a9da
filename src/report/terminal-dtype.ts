/** For a terminal: the effect of a narrower number format on size, speed and accuracy. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { circuitIn, dtypesIn } from "../export/formats.ts";
import {
  formatBytes,
  formatChange,
  formatKl,
  formatMilliseconds,
  formatShare,
  formatSpeed,
} from "./format.ts";
import { layOut, type Row } from "./layout.ts";
import type { TerminalStyle } from "./terminal-style.ts";

export function conversionReport(folder: string, circuit: CircuitFile, style: TerminalStyle): string {
  return ["", ...layOut([...dtypeRows(circuit, style), ["folder", folder]], style), ""].join("\n");
}

/** The effect of each number format, float32 first; empty for a circuit in float32 only. */
export function dtypeRows(circuit: CircuitFile, style: TerminalStyle): readonly Row[] {
  return dtypesIn(circuit).flatMap((dtype) => formatRows(circuitIn(circuit, dtype), style));
}

function formatRows({ dtype, metrics }: CircuitFile, style: TerminalStyle): readonly Row[] {
  if (dtype === undefined) return [];
  const { arrow } = style.symbols;
  const { accuracy, float32, divergence, weights, milliseconds, speed } = dtype;
  const splits = (["test", "validation"] as const).flatMap((split) => {
    const before = float32.accuracy[split];
    const after = accuracy?.[split] ?? metrics.accuracy[split]?.circuit;
    const kl = divergence[split];
    if (before === undefined || after === undefined || kl === undefined) return [];
    return [
      `accuracy ${formatShare(before)} in f32 ${arrow} ${formatShare(after)} on the ${split} prompts`,
      `KL to the f32 circuit ${formatKl(kl)} nats on the ${split} prompts`,
    ];
  });
  const { bytes } = metrics;
  return [
    [
      weights,
      ...splits,
      `${formatBytes(float32.bytes)} ${arrow} ${formatBytes(bytes.circuit)} of weights (${formatChange(float32.bytes, bytes.circuit)})`,
      `${formatMilliseconds(float32.milliseconds)} ${arrow} ${formatMilliseconds(milliseconds)} for one prompt, medians, in turns`,
      ...(speed === undefined ? [] : [formatSpeed(speed)]),
    ],
  ];
}
