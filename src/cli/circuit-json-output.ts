/** What `--json` says of a circuit is what circuit.json says of it. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { circuitJson } from "../export/circuit-json.ts";

export function withCircuitJson<Result extends { readonly circuit: CircuitFile }>(result: Result): object {
  return { ...result, circuit: circuitJson(result.circuit) };
}
