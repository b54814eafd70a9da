/**
 * Which operators a graph may use: "portable" graphs keep to standard ONNX, so that any runtime can open them;
 * "onnxruntime" graphs may use its fused operators where measurements showed them to be faster.
 */
export type OperatorSet = "portable" | "onnxruntime";

/**
 * The same for stages that are differentiated. "held" computes what the others do in a form whose gradient is RelP's
 * (arXiv:2508.21258): norms divide by a held σ, activations multiply by a held secant, and each factor of a gated
 * product gets half of the gradient.
 */
export type StageOperators = OperatorSet | "held";
