/** The components of the model that a circuit.json tells of. */
import { type ModelShape, shapeOfHeadCounts } from "../transformer/component.ts";
import type { CircuitFile } from "./circuit-file.ts";

/** The components of the original that the file's circuit is part of. */
export function shapeOfFile({ model }: Pick<CircuitFile, "model">): ModelShape {
  return shapeOfHeadCounts(model.heads);
}
