/**
 * Which operators a graph may use: "portable" graphs keep to standard ONNX, so that any runtime can open them;
 * "onnxruntime" graphs may use its fused operators where measurements showed them to be faster.
 */
export type OperatorSet = "portable" | "onnxruntime";
