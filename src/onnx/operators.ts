/**
 * What counting and differentiating must know of each operator, in one total map: an operator that joins the list of
 * `operator.ts` does not compile until it is described here.
 */

import { ofFastGelu, ofGelu, ofRelu, ofSigmoid } from "./gradients/activations.ts";
import {
  ofAdd,
  ofCos,
  ofDiv,
  ofErf,
  ofExp,
  ofIdentity,
  ofLog,
  ofMul,
  ofNeg,
  ofSin,
  ofSqrt,
  ofSub,
  ofTanh,
  ofWhere,
} from "./gradients/arithmetic.ts";
import type { VectorJacobian } from "./gradients/backward-step.ts";
import {
  ofConcat,
  ofExpand,
  ofGather,
  ofReshape,
  ofSlice,
  ofSplit,
  ofTranspose,
} from "./gradients/layout.ts";
import {
  ofLayerNormalization,
  ofLogSoftmax,
  ofSimplifiedLayerNormalization,
  ofSoftmax,
} from "./gradients/normalizations.ts";
import { ofProduct } from "./gradients/products.ts";
import { ofReduceMax, ofReduceMean, ofReduceSum } from "./gradients/reductions.ts";
import type { Operator } from "./operator.ts";

export interface OperatorFacts {
  /**
   * How gradients go through it. `constant`: what it computes does not depend on its inputs' values. `none`: it depends
   * on them in steps, or nobody has written its gradient.
   */
  readonly gradient: VectorJacobian | "constant" | "none";
  /** Whether it is a matrix product, whose floating-point operations are counted. */
  readonly isProduct?: true;
  /** Whether it reads some rows of its first input, and not all of it. */
  readonly readsRows?: true;
}

export const operators: Readonly<Record<Operator, OperatorFacts>> = {
  MatMul: { gradient: ofProduct, isProduct: true },
  Gemm: { gradient: ofProduct, isProduct: true },
  FusedMatMul: { gradient: ofProduct, isProduct: true },
  Add: { gradient: ofAdd },
  Sub: { gradient: ofSub },
  Mul: { gradient: ofMul },
  Div: { gradient: ofDiv },
  Neg: { gradient: ofNeg },
  Exp: { gradient: ofExp },
  Log: { gradient: ofLog },
  Sqrt: { gradient: ofSqrt },
  Tanh: { gradient: ofTanh },
  Sin: { gradient: ofSin },
  Cos: { gradient: ofCos },
  Erf: { gradient: ofErf },
  Relu: { gradient: ofRelu },
  Sigmoid: { gradient: ofSigmoid },
  Gelu: { gradient: ofGelu },
  FastGelu: { gradient: ofFastGelu },
  LayerNormalization: { gradient: ofLayerNormalization },
  SimplifiedLayerNormalization: { gradient: ofSimplifiedLayerNormalization },
  Softmax: { gradient: ofSoftmax },
  LogSoftmax: { gradient: ofLogSoftmax },
  ReduceSum: { gradient: ofReduceSum },
  ReduceMean: { gradient: ofReduceMean },
  ReduceMax: { gradient: ofReduceMax },
  ArgMax: { gradient: "none" },
  LessOrEqual: { gradient: "none" },
  Equal: { gradient: "none" },
  And: { gradient: "none" },
  Where: { gradient: ofWhere },
  Cast: { gradient: ofIdentity },
  Identity: { gradient: ofIdentity },
  Gather: { gradient: ofGather, readsRows: true },
  ScatterElements: { gradient: "none" },
  Slice: { gradient: ofSlice },
  Pad: { gradient: "none" },
  Split: { gradient: ofSplit },
  Concat: { gradient: ofConcat },
  Reshape: { gradient: ofReshape },
  Transpose: { gradient: ofTranspose },
  Unsqueeze: { gradient: ofReshape },
  Expand: { gradient: ofExpand },
  Shape: { gradient: "constant" },
  Range: { gradient: "none" },
  DequantizeLinear: { gradient: "none" },
  DynamicQuantizeLinear: { gradient: "none" },
  MatMulInteger: { gradient: "none", isProduct: true },
};
