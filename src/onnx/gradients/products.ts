/**
 * Vector-Jacobian products of matrix products. Their transposes are ONNX Runtime's own operator, which reads a matrix
 * as it is stored.
 */
import type { Value } from "../graph.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { integerAttribute, oneOutput, productOf, sumTo, type VectorJacobian } from "./backward-step.ts";

/** Of MatMul, FusedMatMul, and Gemm without a third input: A × B, each of them transposed or not. */
export const ofProduct: VectorJacobian = (step) => {
  const { graph, x: a, second: b, g } = oneOutput(step);
  if (step.node.inputs[2] !== undefined) throw new TypeError(`${step.node.operator} with a third input`);
  const turned = {
    a: integerAttribute(step.node, "transA", 0) === 1,
    b: integerAttribute(step.node, "transB", 0) === 1,
  };
  const ofA = turned.a
    ? graph.fusedMatMul(b, g, { a: turned.b, b: true })
    : multiply(graph, g, b, { b: !turned.b });
  return [sumTo(graph, ofA, a.shape), ofSecond(graph, a, b, g, turned)];
};

type Turned = { readonly a: boolean; readonly b: boolean };

function ofSecond(graph: GraphBuilder, a: Value, b: Value, g: Value, turned: Turned): Value {
  // One matrix serves all rows of a, so that its gradient is one product over all of them, and not a sum of many.
  const isShared = b.shape.length === 2 && a.shape.length > 2 && !turned.a;
  const [rowsOfA, rowsOfG] = isShared ? [asRows(graph, a), asRows(graph, g)] : [a, g];
  const [left, right] = rowsOfA !== undefined && rowsOfG !== undefined ? [rowsOfA, rowsOfG] : [a, g];
  const product = turned.b
    ? graph.fusedMatMul(right, left, { a: true, b: turned.a })
    : multiply(graph, left, right, { a: !turned.a });
  return sumTo(graph, product, b.shape);
}

/** [..., n] as [rows, n]; undefined where the number of rows has no name or n is not known. */
function asRows(graph: GraphBuilder, x: Value): Value | undefined {
  const [rows, width] = [productOf(x.shape.slice(0, -1)), x.shape.at(-1)];
  return rows === undefined || typeof width !== "number" ? undefined : graph.reshape(x, [-1, width], rows);
}

function multiply(graph: GraphBuilder, a: Value, b: Value, turned: Partial<Turned>): Value {
  return turned.a || turned.b ? graph.fusedMatMul(a, b, turned) : graph.matMul(a, b);
}
