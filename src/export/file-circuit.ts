/** The components of the model that a circuit.json describes. */
import { type ModelShape, shapeOfHeadCounts } from "../transformer/component.ts";
import type { CircuitFile } from "./circuit-file.ts";

/** The components of the original model of the file's circuit. */
export function shapeOfFile({ model }: Pick<CircuitFile, "model">): ModelShape {
  return shapeOfHeadCounts(model.heads, model.neurons);
}
