/**
 * The MLP of the layer on trial below many choices of its heads. A head's removal changes the stream by a product of
 * z_h (rank d_head), so it changes the stream's product with W_1 by one of that rank, too: z_h·(W_O^h·V). V is W_1 as
 * `linearPart` gives it, and both products, with the whole stream and with each head's W_O, are computed once.
 *
 * The replacement that takes the head's place is added in the same product: its rows stand behind those of W_O^h, and
 * columns that say which row stands where (`places`) behind those of z_h.
 */
import type { Dimension, Graph, Value } from "../onnx/graph.ts";
import { GraphBuilder } from "../onnx/graph-builder.ts";
import type { Attention, Linear, Mlp } from "../transformer/transformer.ts";
import { multiply } from "./linear.ts";
import { activated } from "./mlp.ts";
import { constantPart, linearPart, rowFactor } from "./normed-maps.ts";

/** These graphs run in ONNX Runtime alone. */
const operators = "onnxruntime";

/** What is removed: a layer's heads, and for each the rows of the constant that replaces it. */
export interface RemovableHeads {
  readonly attention: Pick<Attention, "heads" | "headWidth">;
  /** Rows of each head's replacement. */
  readonly rows: number;
  /** Whether `places` and constants differ by position. */
  readonly byPosition: boolean;
}

/** The maps that read the normalised stream. */
const readingMaps = ({ up, gate }: Mlp): readonly Linear[] => (gate === undefined ? [up] : [up, gate]);

/**
 * The products of rows of width d with each map. Inputs: x [batch, sequence, d]; constant [1 or sequence, d], which is
 * added to x. Outputs product.0 and, for a gated MLP, product.1: [batch, sequence, hidden].
 */
export function mlpProducts(mlp: Mlp, width: number): Graph {
  const graph = new GraphBuilder("MLP products");
  const x = graph.input("x", "float32", ["batch", "sequence", width]);
  // It has one row or as many as x, which differs from run to run.
  const constant = { ...graph.input("constant", "float32", ["rows", width]), shape: [1, width] };
  const sum = graph.add(x, constant);
  for (const [index, map] of readingMaps(mlp).entries()) {
    graph.output(`product.${index}`, multiply(graph, sum, linearPart(map, mlp.norm), operators));
  }
  return graph.build();
}

/**
 * Products less those of some heads. Inputs: z [batch, sequence, heads × headWidth]; gone [removed], indices of heads;
 * places [1 or sequence, 1, rows]; for each map product.i, and removed.i [1, heads × (headWidth + rows), hidden], the
 * products of each head's W_O and, negative, its replacement. Outputs: moved.i.
 */
export function movedProducts(mlp: Mlp, from: RemovableHeads): Graph {
  const graph = new GraphBuilder("MLP products moved");
  for (const [index, product] of productsWithout(graph, mlp, from).entries())
    graph.output(`moved.${index}`, product);
  return graph.build();
}

/**
 * The stream after an MLP that has no norm behind it, without its b_2. Inputs: those of `movedProducts`; x [batch, sequence, d], without the
 * heads that are gone; constant [1 or sequence, d]. Output: y.
 */
export function mlpOfProducts(mlp: Mlp, width: number, from: RemovableHeads): Graph {
  const graph = new GraphBuilder("MLP of products");
  const stream = graph.input("x", "float32", ["batch", "sequence", width]);
  const x = graph.add(stream, graph.input("constant", "float32", [from.byPosition ? "sequence" : 1, width]));
  const factor = rowFactor(graph, x, mlp.norm);
  const [up, gate] = productsWithout(graph, mlp, from).map((product) =>
    factor === undefined ? product : graph.mul(product, factor),
  );
  if (up === undefined) throw new TypeError("an MLP without W_1");
  const hidden =
    mlp.gate === undefined || gate === undefined
      ? activated(graph, up, constantPart(mlp.up, mlp.norm), mlp.activation, operators)
      : graph.mul(
          activated(graph, gate, constantPart(mlp.gate, mlp.norm), mlp.activation, operators),
          plus(graph, up, constantPart(mlp.up, mlp.norm)),
        );
  graph.output("y", graph.add(x, multiply(graph, hidden, mlp.down, operators)));
  return graph.build();
}

function plus(graph: GraphBuilder, x: Value, bias: ReturnType<typeof constantPart>): Value {
  return bias === undefined ? x : graph.add(x, graph.weight(bias));
}

function productsWithout(
  graph: GraphBuilder,
  mlp: Mlp,
  { attention: { heads, headWidth }, rows, byPosition }: RemovableHeads,
): readonly Value[] {
  const each = headWidth + rows;
  const positions: Dimension = byPosition ? "sequence" : 1;
  const z = graph.input("z", "float32", ["batch", "sequence", heads.length * headWidth]);
  const gone = graph.input("gone", "int64", ["removed"]);
  const places = graph.input("places", "float32", [positions, 1, rows]);
  const own = graph.gather(graph.reshape(z, [0, 0, heads.length, headWidth]), gone, 2);
  const nothing = graph.mul(graph.slice(own, 3, 0, 1, 1), graph.floats([], [0]));
  const columns = graph.concat([own, graph.add(nothing, places)], 3, each);
  const removal = graph.reshape(columns, [0, 0, -1], `removed*${each}`);
  return readingMaps(mlp).map(({ weight, transposed }, index) => {
    const hidden = weight.shape[transposed ? 0 : 1] ?? 0;
    const product = graph.input(`product.${index}`, "float32", ["batch", "sequence", hidden]);
    const all = graph.input(`removed.${index}`, "float32", [1, heads.length * each, hidden]);
    const some = graph.gather(graph.reshape(all, [heads.length, each, hidden]), gone);
    const matrix = graph.reshape(some, [-1, hidden], `removed*${each}`);
    return graph.sub(product, graph.matMul(removal, matrix));
  });
}
