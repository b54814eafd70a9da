/** How many bits a file uses for a number. */
import type { CircuitFile } from "../export/circuit-file.ts";

/** Rounded to whole bytes a weight, so that headers and padding don't count. */
function bitsPerWeight(bytes: number, parameters: number): number {
  return parameters === 0 ? 0 : 8 * Math.max(1, Math.round(bytes / parameters));
}

/** The bits of original and circuit, in words; in a circuit with 4-bit matrices they differ between weights. */
export function weightBits({ metrics, dtype }: Pick<CircuitFile, "metrics" | "dtype">) {
  const { bytes, parameters } = metrics;
  const original = bitsPerWeight(bytes.original, parameters.original.total);
  const circuit = bitsPerWeight(bytes.circuit, parameters.circuit.total);
  const isMixed = dtype?.weights === "int4";
  return { original, circuit, isMixed, circuitText: isMixed ? "4 (tables 8)" : String(circuit) };
}
