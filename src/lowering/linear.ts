/** Affine maps as graphs, with matrices stored either way round. */
import type { Value } from "../onnx/graph.ts";
import type { GraphBuilder } from "../onnx/graph-builder.ts";
import { joinColumns, joinRows } from "../transformer/derive.ts";
import { inOut } from "../transformer/linear.ts";
import type { Linear } from "../transformer/transformer.ts";
import type { StageOperators } from "./operator-set.ts";

/** x × weight, [..., in] → [..., out], without the bias. */
export function multiply(graph: GraphBuilder, x: Value, linear: Linear, operators: StageOperators): Value {
  // ONNX Runtime reads a matrix [out, in] in its stored form; for other runtimes the file has it transposed.
  return linear.transposed && operators === "onnxruntime"
    ? graph.fusedMatMulTransposed(x, graph.weight(linear.weight))
    : graph.matMul(x, graph.weight(inOut(linear)));
}

/** x × weight + bias. */
export function affine(graph: GraphBuilder, x: Value, linear: Linear, operators: StageOperators): Value {
  const product = multiply(graph, x, linear, operators);
  return linear.bias === undefined ? product : graph.add(product, graph.weight(linear.bias));
}

/** The matrices of several maps of one input as one matrix; biases are left out. */
export function joinMatrices(linears: readonly Linear[], operators: StageOperators): Linear {
  return operators === "onnxruntime" && linears.every((linear) => linear.transposed === true)
    ? { weight: joinRows(linears.map(({ weight }) => weight)), transposed: true }
    : { weight: joinColumns(linears.map(inOut)) };
}
