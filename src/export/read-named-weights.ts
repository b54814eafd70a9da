/**
 * Reads the standalone model of a folder of format 1 from the names of its tensors alone:
 * "blocks.3.attention.query.weight×0.125" and the like, joined by "+" where a graph multiplies by several
 * matrices at once. Such folders hold GPT-2 models.
 */
import { PithError } from "../errors.ts";
import { keepsMlp, keptHeads } from "../transformer/circuit.ts";
import { ungroupedHeads } from "../transformer/head-groups.ts";
import { sliceColumns, sliceVector } from "../transformer/slice.ts";
import type {
  Activation,
  Attention,
  Block,
  Folded,
  FoldedTransformer,
  Linear,
  Mlp,
  Norm,
} from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";
import type { CircuitFile } from "./circuit-file.ts";

const activations: Readonly<Record<string, Activation>> = {
  gelu_new: "gelu-tanh",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
};

/**
 * @param file with the weights, for errors. @param config config.json, as parsed. @throws PithError "circuit".
 */
export function readNamedWeights(
  file: string,
  weights: readonly Weight[],
  config: Readonly<Record<string, unknown>>,
  circuit: CircuitFile,
): FoldedTransformer {
  const parts = indexParts(weights);
  const take = (name: string): Weight => {
    const found = parts.get(name);
    if (found === undefined) {
      throw new PithError("circuit", "is not there", { place: { file, tensor: name } });
    }
    return found;
  };
  const epsilon = config["layer_norm_epsilon"];
  const activation = activations[String(config["activation_function"])];
  if (typeof epsilon !== "number" || activation === undefined) {
    throw new PithError("circuit", "config.json lacks layer_norm_epsilon or a known activation_function", {
      place: { file },
    });
  }
  const norm = (name: string): Norm => ({
    kind: "layer",
    scale: take(`${name}.scale`),
    shift: take(`${name}.shift`),
    epsilon,
  });
  const reader = (name: string) => ({
    norm: norm(`${name}.norm`),
    residualBias: parts.get(`${name}.norm.residual_bias`),
  });
  const linear = (name: string): Linear => {
    const bias = parts.get(`${name}.bias`);
    return { weight: take(`${name}.weight`), ...(bias && { bias }) };
  };
  const kept = circuit.kept;
  const attention = (layer: number): Folded<Attention> | undefined => {
    const heads = keptHeads(kept, layer);
    if (heads.length === 0) return undefined;
    const name = `blocks.${layer}.attention`;
    const output = linear(`${name}.output`);
    return {
      ...reader(name),
      ...ungroupedHeads(heads),
      headWidth: (output.weight.shape[0] ?? 0) / heads.length,
      query: linear(`${name}.query`),
      key: linear(`${name}.key`),
      value: linear(`${name}.value`),
      output,
      scoreScale: 1,
    };
  };
  const mlp = (layer: number): Folded<Mlp> | undefined => {
    if (!keepsMlp(kept, layer)) return undefined;
    const name = `blocks.${layer}.mlp`;
    return { ...reader(name), activation, up: linear(`${name}.up`), down: linear(`${name}.down`) };
  };
  const tokenEmbedding = take("token_embedding");
  return {
    width: circuit.model.width,
    vocabularySize: circuit.model.vocabulary,
    contextLength: circuit.profile.kind === "aligned" ? circuit.profile.length : circuit.model.context,
    tokenEmbedding,
    folded: true,
    positions: { kind: "learned", table: take("position_embedding") },
    blocks: circuit.model.heads.map(
      (_, layer): Block<Folded<Attention>, Folded<Mlp>> => ({
        attention: attention(layer),
        mlp: mlp(layer),
      }),
    ),
    finalBias: parts.get("final_norm.residual_bias"),
    finalNorm: norm("final_norm"),
    unembedding: parts.get("unembedding") ?? tokenEmbedding,
  };
}

/** "a×0.5+b[14:15, :]" → its parts a and b, of equal width, by their original names. */
function indexParts(stored: readonly Weight[]): ReadonlyMap<string, Weight> {
  const parts = new Map<string, Weight>();
  for (const weight of stored) {
    const names = weight.name.split("+").map(bareName);
    const width = (weight.shape.at(-1) ?? 0) / names.length;
    for (const [index, name] of names.entries()) {
      const range = [index * width, (index + 1) * width] as const;
      parts.set(
        name,
        weight.shape.length === 1 ? sliceVector(weight, [range]) : sliceColumns(weight, [range]),
      );
    }
  }
  return parts;
}

/** The name without the operations in it; the zeros for a missing bias count as that bias. */
function bareName(name: string): string {
  const bare = name.replace(/×[^[]*|\[[^\]]*\]/g, "");
  return bare.replace(/^no bias of (.*)\.weight$/, "$1.bias");
}
