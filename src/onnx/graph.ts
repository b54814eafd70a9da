/**
 * An ONNX graph as plain data: what `GraphBuilder` makes and `encodeGraph` writes. It knows nothing of
 * transformers. Large tensors are weights that are read only when the graph is given to a runtime or
 * written to a folder; small ones (axes, shapes, masks) lie in the graph itself.
 */
import type { Operator } from "./operator.ts";

/** float16, int8 and int4 are formats of stored weights; uint8 and int32 occur in int8 products. */
export type ElementType = "float32" | "int64" | "bool" | "float16" | "int8" | "int4" | "uint8" | "int32";

/** A number, or the name of a dimension that is known only when the graph runs ("batch"). */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** A value that one node makes and others read. */
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
  readonly operator: Operator;
  /** "" is the standard operator set; "com.microsoft" ONNX Runtime's own. */
  readonly domain: string;
  /** An input that is left out is undefined. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A small constant; its bytes are stored in the graph. */
export interface InlineConstant {
  readonly value: Value;
  readonly data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

/**
 * A weight's values in their stored format: float16 as its bits, int4 two to a byte, the earlier one in the lower
 * half.
 */
export type WeightData =
  | Float32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** A `Weight` that may be stored in another format than float32. */
export interface StoredWeight {
  readonly name: string;
  readonly shape: readonly number[];
  read(): Promise<WeightData>;
  /** See `Weight`. */
  readRows?(start: number, end: number): Promise<WeightData>;
  /** See `Weight`. */
  readonly madeOf?: readonly StoredWeight[];
}

/** A weight whose bytes are stored outside the graph, under the value's name. Its format is the value's type. */
export interface ExternalWeight {
  readonly value: Value;
  readonly weight: StoredWeight;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly InlineConstant[];
  readonly weights: readonly ExternalWeight[];
}
