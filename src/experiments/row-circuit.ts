/** The circuit that a sweep's row lists. */
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import type { SweepRow } from "./sweep-row.ts";

/** The circuit of the components that a sweep's row lists as kept. */
export function circuitOfRow({ heads, mlpsKept }: Pick<SweepRow, "heads" | "mlpsKept">): Circuit {
  return circuitOfLists({ heads, mlps: mlpsKept });
}
