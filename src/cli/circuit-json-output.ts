/** The output of `--json` for a circuit, which has the same fields as circuit.json. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { circuitJson } from "../export/circuit-json.ts";

export function withCircuitJson<Result extends { readonly circuit: CircuitFile }>(result: Result): object {
  return { ...result, circuit: circuitJson(result.circuit) };
}
