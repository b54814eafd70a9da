/** A constant of a folded model as a graph adds it to the residual stream. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Weight } from "../transformer/weight.ts";
import type { Places } from "./places.ts";

/**
 * The weight itself, or, where the model's constants may treat the first position apart and this one does, for each
 * position the row that stands there. The rows are split and chosen, not gathered: gathered, they would pass for a
 * table of embeddings, which narrow number formats round.
 */
export function joinedConstant(
  graph: GraphBuilder,
  weight: Weight,
  { isFirst }: Pick<Places, "isFirst">,
): Value {
  const value = graph.weight(weight);
  if (isFirst === undefined || weight.shape.length === 1 || weight.shape[0] === 1) return value;
  const [first, others] = graph.split(value, 0, [1, 1]);
  if (first === undefined || others === undefined) throw new RangeError("split gave too few parts");
  return graph.where(isFirst(), first, others);
}
