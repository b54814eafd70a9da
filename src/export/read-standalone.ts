/**
 * Reads a shipped folder's weights as the standalone model that they came from, so that it can be inspected
 * without the original. circuit.json describes how the model is built and what each tensor of the file holds; in
 * folders of format 1 the names of the tensors do so (`read-named-weights.ts`).
 */
import type { ByteSource } from "../checkpoint/byte-source.ts";
import { readSafetensorsHeader, readTensor } from "../checkpoint/safetensors.ts";
import { PithError } from "../errors.ts";
import { type Range, sliceColumns, sliceRows, sliceVector } from "../transformer/slice.ts";
import type {
  Folded,
  FoldedTransformer,
  Linear,
  Norm,
  ProjectionNorm,
  Reader,
} from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { CircuitFile } from "./circuit-file.ts";
import { readNamedWeights } from "./read-named-weights.ts";
import type { StructureRecord } from "./structure-record.ts";

/**
 * Lazy: weights are read from `source` when they are needed. The scale of attention scores is already part of the
 * query weights.
 * @param source onnx/model.onnx_data; @param config config.json, as parsed: folders of format 1 need it.
 * @throws PithError "circuit" when a weight that the circuit needs is not there.
 */
export async function readStandalone(
  source: ByteSource,
  config: Readonly<Record<string, unknown>>,
  circuit: CircuitFile,
): Promise<FoldedTransformer> {
  const { tensors } = await readSafetensorsHeader(source);
  const stored = new Map(
    tensors.map((entry): [string, Weight] => [
      entry.name,
      { name: entry.name, shape: entry.shape, read: () => readTensor(source, entry) },
    ]),
  );
  return circuit.structure === undefined
    ? readNamedWeights(source.name, [...stored.values()], config, circuit)
    : readStructure(source.name, stored, circuit.structure);
}

/** @param file for errors. @param stored the file's tensors by their names. @internal */
export function readStructure(
  file: string,
  stored: ReadonlyMap<string, Weight>,
  { tensors, ...structure }: StructureRecord,
): FoldedTransformer {
  const lacks = (tensor: string, message = "is not there") =>
    new PithError("circuit", message, { place: { file, tensor } });
  const weights = new Map(stored);
  for (const { name, weights: held, axis = "columns" } of tensors) {
    const tensor = stored.get(name);
    if (tensor === undefined) throw lacks(name);
    const length = tensor.shape.at(axis === "rows" ? 0 : -1);
    if (held.reduce((sum, { size }) => sum + size, 0) !== length)
      throw lacks(name, "is not as wide as circuit.json says");
    let from = 0;
    for (const { name: own, size } of held) {
      weights.set(own, { ...slice(tensor, axis, [from, from + size]), name: own });
      from += size;
    }
  }
  const take = (name: string): Weight => {
    const found = weights.get(name);
    if (found === undefined) throw lacks(name);
    return found;
  };
  const readers = readersOf(take);
  const { positions, unembeddingBias, finalBias } = structure;
  return {
    ...structure,
    folded: true,
    tokenEmbedding: take(structure.tokenEmbedding),
    positions: positions.kind === "learned" ? { ...positions, table: take(positions.table) } : positions,
    blocks: structure.blocks.map(readers.block),
    finalBias: finalBias === undefined ? undefined : take(finalBias),
    finalNorm: readers.norm(structure.finalNorm),
    unembedding: take(structure.unembedding),
    unembeddingBias: unembeddingBias === undefined ? undefined : take(unembeddingBias),
  };
}

function slice(tensor: Weight, axis: "columns" | "rows", range: Range): Weight {
  if (tensor.shape.length === 1) return sliceVector(tensor, [range]);
  return axis === "rows" ? sliceRows(tensor, [range]) : sliceColumns(tensor, [range]);
}

type Recorded<Key extends "attention" | "mlp"> = NonNullable<StructureRecord["blocks"][number][Key]>;

/** Builds the parts of a model from their records. */
function readersOf(take: (name: string) => Weight) {
  const norm = (record: StructureRecord["finalNorm"]): Norm => {
    const scale = take(record.scale);
    return record.kind === "rms"
      ? { ...record, scale }
      : { ...record, scale, shift: record.shift === undefined ? undefined : take(record.shift) };
  };
  const linear = ({ weight, bias, ...rest }: Recorded<"mlp">["up"]): Linear => ({
    ...rest,
    weight: take(weight),
    ...(bias !== undefined && { bias: take(bias) }),
  });
  const projectionNorm = (record: NonNullable<Recorded<"attention">["queryNorm"]>): ProjectionNorm =>
    record.kind === "joint"
      ? { ...record, scale: take(record.scale), pruned: record.pruned && linear(record.pruned) }
      : norm(record);
  const reader = (record: Pick<Recorded<"mlp">, keyof Folded<Reader>>): Required<Folded<Reader>> => ({
    norm: record.norm && norm(record.norm),
    postNorm: record.postNorm && norm(record.postNorm),
    residualBias: record.residualBias === undefined ? undefined : take(record.residualBias),
  });
  const block = ({
    arrangement,
    attention,
    mlp,
  }: StructureRecord["blocks"][number]): FoldedTransformer["blocks"][number] => ({
    arrangement,
    attention: attention && {
      ...attention,
      ...reader(attention),
      query: linear(attention.query),
      key: linear(attention.key),
      value: linear(attention.value),
      output: linear(attention.output),
      queryNorm: attention.queryNorm && projectionNorm(attention.queryNorm),
      keyNorm: attention.keyNorm && projectionNorm(attention.keyNorm),
    },
    mlp: mlp && {
      ...mlp,
      ...reader(mlp),
      gate: mlp.gate && linear(mlp.gate),
      up: linear(mlp.up),
      down: linear(mlp.down),
    },
  });
  return { norm, block };
}
