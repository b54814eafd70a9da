/** How many bits a file spends on a number. */
import type { CircuitFile } from "../export/circuit-file.ts";

/** To the nearest byte: headers and padding don't count. */
function bitsPerWeight(bytes: number, parameters: number): number {
  return parameters === 0 ? 0 : 8 * Math.max(1, Math.round(bytes / parameters));
}

/** Of original and circuit, as words; those of a circuit with 4-bit matrices differ from weight to weight. */
export function weightBits({ metrics, dtype }: Pick<CircuitFile, "metrics" | "dtype">) {
  const { bytes, parameters } = metrics;
  const original = bitsPerWeight(bytes.original, parameters.original.total);
  const circuit = bitsPerWeight(bytes.circuit, parameters.circuit.total);
  const isMixed = dtype?.weights === "int4";
  return { original, circuit, isMixed, circuitText: isMixed ? "4 (tables 8)" : String(circuit) };
}
