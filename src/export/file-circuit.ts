/** The circuit that a circuit.json lists, and the components of its model. */
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { type ModelShape, shapeOfHeadCounts } from "../transformer/component.ts";
import type { CircuitFile } from "./circuit-file.ts";

/** What the file says stays. */
export function circuitOfFile({ heads, mlps }: Pick<CircuitFile, "heads" | "mlps">): Circuit {
  return circuitOfLists({ heads, mlps });
}

/** The components of the original that the file's circuit is part of. */
export function shapeOfFile({ model }: Pick<CircuitFile, "model">): ModelShape {
  return shapeOfHeadCounts(model.heads);
}
