/**
 * Makes the standalone model of a circuit: a smaller transformer without the pruned components. Pruned heads are
 * removed with their columns and rows, and so are pruned neurons; an MLP is removed with its norm, and an attention
 * layer without heads with its norm too. Kept heads may be cut to a lower rank. Replacements, vectors that were fitted to
 * the circuit, and every b_O and b_2 that stays, become one constant before the next reader.
 */
import { type Constant, constantAt } from "../discovery/constant.ts";
import type { StreamConstants } from "../discovery/gates/gate-passes.ts";
import { replacesByMore, writtenByNeurons } from "../discovery/neuron-constant.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { type Addend, foldConstants, type LayerConstants } from "../lowering/fold-constants.ts";
import { normedConstant } from "../lowering/normed-constant.ts";
import { type Circuit, componentsOf, keepsMlp, keptHeads, keptNeurons } from "../transformer/circuit.ts";
import {
  type ComponentKind,
  componentInWords,
  componentKinds,
  modelHas,
  shapeOf,
} from "../transformer/component.ts";
import { keepHeads } from "../transformer/keep-heads.ts";
import { keepNeurons, prunedNeurons } from "../transformer/keep-neurons.ts";
import { linearShape } from "../transformer/linear.ts";
import { countRows, type PositionRows } from "../transformer/position-rows.ts";
import { sliceRows } from "../transformer/slice.ts";
import type {
  Attention,
  Block,
  FoldedTransformer,
  Mlp,
  Positions,
  Transformer,
} from "../transformer/transformer.ts";
import { cutValues, type HeadCut, type LayerCut, writtenByMeans } from "./head-cut.ts";

/**
 * Layers that lost both parts stay in `blocks`, so that layer numbers stay correct. If replacements have one row
 * for each position, the model accepts prompts of that length only, and `contextLength` is that length. Weights
 * stay lazy: nothing is read.
 * @param model an original model. @param cut how kept heads are cut; left out: they stay whole.
 * @param added vectors that join the stream beside the replacements; left out: none.
 * @throws RangeError for a component that the model does not have.
 */
export async function cutCircuit(
  model: Transformer,
  circuit: Circuit,
  replacements: Replacements,
  cut: HeadCut = new Map(),
  added?: StreamConstants,
): Promise<FoldedTransformer> {
  checkComponents(model, circuit);
  const { rows } = replacements;
  const length = rows.kind === "each" ? rows.length : model.contextLength;
  const blocks = model.blocks.map((whole, layer) => {
    const block = componentKinds.reduce((rest, kind) => cutters[kind](rest, circuit, layer), whole);
    const own = cut.get(layer);
    const { attention } = block;
    return own === undefined || attention === undefined
      ? block
      : { ...block, attention: cutValues(attention, own) };
  });
  const constantsOf = (layer: number): LayerConstants => {
    const { attention, mlp } = model.blocks[layer] ?? {};
    return {
      attention: attention
        ? [
            ...leftByHeads(attention, layer, circuit, replacements),
            ...leftByCut(attention, cut.get(layer), replacements.headValues(layer)),
          ]
        : [],
      mlp: mlp ? leftByMlp(mlp, layer, circuit, replacements) : [],
      afterAttention: vectorAddend(added?.heads[layer]),
      afterMlp: vectorAddend(added?.mlps[layer]),
    };
  };
  const positions = cutPositions(model.positions, length);
  return foldConstants({ ...model, contextLength: length, positions, blocks }, constantsOf);
}

/** Reduces a layer to what the circuit keeps of each kind of component. */
const cutters: Readonly<Record<ComponentKind, (block: Block, circuit: Circuit, layer: number) => Block>> = {
  head(block, circuit, layer) {
    const heads = keptHeads(circuit, layer);
    const { attention } = block;
    return { ...block, attention: attention && heads.length > 0 ? keepHeads(attention, heads) : undefined };
  },
  mlp: (block, circuit, layer) => (keepsMlp(circuit, layer) ? block : { ...block, mlp: undefined }),
  neuron: ({ mlp, ...block }, circuit, layer) => ({
    ...block,
    mlp: mlp && keepNeurons(mlp, keptNeurons(circuit, layer)),
  }),
};

function cutPositions(positions: Positions, length: number): Positions {
  switch (positions.kind) {
    case "none":
      return positions;
    case "learned":
      return { ...positions, table: sliceRows(positions.table, [[0, length]]) };
  }
}

/**
 * The constants that replace a layer's pruned heads; if no head is left, also the biases that belong to no head.
 */
function leftByHeads(
  attention: Attention,
  layer: number,
  circuit: Circuit,
  replacements: Replacements,
): readonly Addend[] {
  const kept = keptHeads(circuit, layer);
  const pruned = attention.heads.filter((head) => !kept.includes(head));
  const left = pruned.flatMap((head) => addend(replacements.head(layer, head)));
  // If heads stay, b_O and a norm after it stay with them in `blocks`; if none does, they would be lost.
  if (kept.length > 0) return left;
  const all = [...(attention.output.bias === undefined ? [] : [attention.output.bias]), ...left];
  return attention.postNorm === undefined ? all : [normedConstant(attention.postNorm, all)];
}

/** The constant that stands for what the means of cut heads wrote in the directions that are gone. */
function leftByCut(
  attention: Attention,
  cut: LayerCut | undefined,
  values: ReturnType<Replacements["headValues"]>,
): readonly Addend[] {
  if (cut === undefined || values === undefined) return [];
  const [, width] = linearShape(attention.output);
  return [lazyAddend(values.rows, width, async () => (await writtenByMeans(attention, cut, values)).values)];
}

function lazyAddend(rows: PositionRows, width: number, read: Addend["read"]): Addend {
  return {
    shape: rows.kind === "one" ? [width] : [countRows(rows), width],
    ...(rows.kind === "apart" && { firstApart: true }),
    read,
  };
}

/** The constant that replaces a layer's pruned MLP, or the pruned neurons of one that stays. */
function leftByMlp(mlp: Mlp, layer: number, circuit: Circuit, replacements: Replacements): readonly Addend[] {
  if (!keepsMlp(circuit, layer)) return addend(replacements.mlp(layer));
  const pruned = prunedNeurons(mlp, keptNeurons(circuit, layer));
  if (pruned.length === 0) return [];
  const replacement = replacements.neurons(layer);
  if (!replacesByMore(pruned, replacement)) return [];
  const [, width] = linearShape(mlp.down);
  return [
    lazyAddend(
      replacement.rows,
      width,
      async () => (await writtenByNeurons(mlp, pruned, replacement)).values,
    ),
  ];
}

/** Empty for zeros, or no vector. */
function vectorAddend(vector: Float64Array | undefined): readonly Addend[] {
  return vector === undefined ? [] : addend({ rows: { kind: "one" }, width: vector.length, values: vector });
}

/** Empty for a constant of zeros; one row for two equal rows. */
function addend(constant: Constant): readonly Addend[] {
  const { rows, width, values } = constant;
  if (values.every((value) => value === 0)) return [];
  const others = constantAt(constant, 1);
  if (
    rows.kind === "one" ||
    (rows.kind === "apart" && values.every((value, at) => value === others[at % width]))
  )
    return [{ shape: [width], read: async () => values.slice(0, width) }];
  return [
    {
      shape: [countRows(rows), width],
      ...(rows.kind === "apart" && { firstApart: true }),
      read: async () => values,
    },
  ];
}

function checkComponents(model: Transformer, circuit: Circuit): void {
  const shape = shapeOf(model);
  const missing = componentsOf(circuit).find((component) => !modelHas(shape, component));
  if (missing !== undefined) throw new RangeError(`the model has no ${componentInWords(missing)}`);
}
