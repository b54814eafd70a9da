/**
 * The closed list of operators that graphs of Pith have: what `GraphBuilder` makes, and what the number formats of
 * shipped files add. `operators.ts` says of each what counting and differentiating must know.
 */
const operatorNames = [
  "MatMul",
  "Gemm",
  "FusedMatMul",
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Neg",
  "Exp",
  "Log",
  "Sqrt",
  "Tanh",
  "Sin",
  "Cos",
  "Erf",
  "Relu",
  "Sigmoid",
  "Gelu",
  "FastGelu",
  "LayerNormalization",
  "SimplifiedLayerNormalization",
  "Softmax",
  "LogSoftmax",
  "ReduceSum",
  "ReduceMean",
  "ReduceMax",
  "ArgMax",
  "LessOrEqual",
  "Equal",
  "And",
  "Where",
  "Cast",
  "Identity",
  "Gather",
  "ScatterElements",
  "Slice",
  "Pad",
  "Split",
  "Concat",
  "Reshape",
  "Transpose",
  "Unsqueeze",
  "Expand",
  "Shape",
  "Range",
  "DequantizeLinear",
  "DynamicQuantizeLinear",
  "MatMulInteger",
] as const;

export type Operator = (typeof operatorNames)[number];

const known: ReadonlySet<string> = new Set(operatorNames);

export function isOperator(name: string): name is Operator {
  return known.has(name);
}
