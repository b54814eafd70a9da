/**
 * An ONNX graph as plain data: what `GraphBuilder` makes and `encodeGraph` writes. It knows nothing of
 * transformers. Large tensors are weights that are read only when the graph is given to a runtime or
 * written to a folder; small ones (axes, shapes, masks) lie in the graph itself.
 */
import type { Weight } from "../transformer/weight.ts";

export type ElementType = "float32" | "int64" | "bool";

/** A number, or the name of a dimension that is known only when the graph runs ("batch"). */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** What flows along an edge of the graph. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

export type Attribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string };

export interface GraphNode {
  /** Operator name, such as "MatMul". */
  readonly operator: string;
  /** "" is the standard operator set; "com.microsoft" ONNX Runtime's own. */
  readonly domain: string;
  /** An input that is left out is undefined. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A small constant; its bytes go into the graph. */
export interface InlineConstant {
  readonly value: Value;
  readonly data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

/** A weight; its bytes lie outside the graph, under the value's name. Always float32. */
export interface ExternalWeight {
  readonly value: Value;
  readonly weight: Weight;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly InlineConstant[];
  readonly weights: readonly ExternalWeight[];
}
