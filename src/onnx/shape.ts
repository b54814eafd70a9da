/** Shape rules that operators share. */
import type { Dimension, Shape, Value } from "./graph.ts";

/** An error for two values that an operator can't combine: a bug in a lowering, never a fault of the user. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";

  constructor(operator: string, ...values: readonly Pick<Value, "name" | "shape">[]) {
    super(`${operator}: ${values.map((value) => `${value.name} [${value.shape.join(", ")}]`).join(" and ")}`);
  }
}

/** NumPy's broadcasting: shapes are aligned at the end, and a dimension of 1 is repeated. */
export function broadcastShapes(operator: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, index): Dimension => {
    const left = a[a.length - rank + index] ?? 1;
    const right = b[b.length - rank + index] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new ShapeError(operator, { name: "a", shape: a }, { name: "b", shape: b });
  });
}

/** An axis counted from the end becomes one counted from the start. */
export function normalizeAxis(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw new RangeError(`axis ${axis} of ${rank}`);
  return at;
}
