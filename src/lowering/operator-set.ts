/**
 * Which operators a graph may use: "portable" graphs keep to standard ONNX, and any runtime opens them;
 * "onnxruntime" graphs may use its fused operators where these were measured to be faster.
 */
export type OperatorSet = "portable" | "onnxruntime";
