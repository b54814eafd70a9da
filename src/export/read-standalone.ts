/**
 * A shipped folder's weights as the standalone model that they were made of, so that its inside can be looked
 * at without the original. The graph joins matrices that read the same input; their names tell what was joined.
 */
import type { ByteSource } from "../checkpoint/byte-source.ts";
import { readSafetensorsHeader, readTensor } from "../checkpoint/safetensors.ts";
import { PithError } from "../errors.ts";
import { sliceColumns, sliceVector } from "../transformer/slice.ts";
import type {
  Activation,
  Attention,
  Block,
  Linear,
  Mlp,
  Norm,
  Transformer,
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
 * Lazy: weights are read from `source` when asked for. Scores need no scale any more (it is in the queries).
 * @param source onnx/model.onnx_data; @param config config.json, as parsed.
 * @throws PithError "circuit" when a weight that the circuit needs is not there.
 */
export async function readStandalone(
  source: ByteSource,
  config: Readonly<Record<string, unknown>>,
  circuit: Pick<CircuitFile, "heads" | "mlps" | "model" | "profile">,
): Promise<Transformer> {
  const parts = indexParts(await readWeights(source));
  const take = (name: string): Weight => {
    const found = parts.get(name);
    if (found === undefined) {
      throw new PithError("circuit", "is not there", { place: { file: source.name, tensor: name } });
    }
    return found;
  };
  const epsilon = config["layer_norm_epsilon"];
  const activation = activations[String(config["activation_function"])];
  if (typeof epsilon !== "number" || activation === undefined) {
    throw new PithError("circuit", "config.json lacks layer_norm_epsilon or a known activation_function", {
      place: { file: source.name },
    });
  }
  const norm = (name: string): Norm => {
    const residualBias = parts.get(`${name}.residual_bias`);
    return {
      ...(residualBias && { residualBias }),
      scale: take(`${name}.scale`),
      shift: take(`${name}.shift`),
      epsilon,
    };
  };
  const linear = (name: string): Linear => {
    const bias = parts.get(`${name}.bias`);
    return { weight: take(`${name}.weight`), ...(bias && { bias }) };
  };
  const attention = (layer: number): Attention | undefined => {
    const heads = circuit.heads.filter(([at]) => at === layer).map(([, head]) => head);
    if (heads.length === 0) return undefined;
    const name = `blocks.${layer}.attention`;
    const output = linear(`${name}.output`);
    return {
      norm: norm(`${name}.norm`),
      heads,
      headWidth: (output.weight.shape[0] ?? 0) / heads.length,
      query: linear(`${name}.query`),
      key: linear(`${name}.key`),
      value: linear(`${name}.value`),
      output,
      scoreScale: 1,
    };
  };
  const mlp = (layer: number): Mlp | undefined => {
    if (!circuit.mlps.includes(layer)) return undefined;
    const name = `blocks.${layer}.mlp`;
    return { norm: norm(`${name}.norm`), activation, up: linear(`${name}.up`), down: linear(`${name}.down`) };
  };
  const tokenEmbedding = take("token_embedding");
  return {
    width: circuit.model.width,
    vocabularySize: circuit.model.vocabulary,
    contextLength: circuit.profile.kind === "aligned" ? circuit.profile.length : circuit.model.context,
    tokenEmbedding,
    positionEmbedding: take("position_embedding"),
    blocks: circuit.model.heads.map((_, layer): Block => ({ attention: attention(layer), mlp: mlp(layer) })),
    finalNorm: norm("final_norm"),
    unembedding: parts.get("unembedding") ?? tokenEmbedding,
  };
}

async function readWeights(source: ByteSource): Promise<readonly Weight[]> {
  const { tensors } = await readSafetensorsHeader(source);
  return tensors.map((entry) => ({
    name: entry.name,
    shape: entry.shape,
    read: () => readTensor(source, entry),
  }));
}

/** "a×0.5+b[14:15, :]" → its parts a and b, of equal width, by the names that they had before. */
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

/** Without what was done to it; zeros that stand for a missing bias are that bias. */
function bareName(name: string): string {
  const bare = name.replace(/×[^[]*|\[[^\]]*\]/g, "");
  return bare.replace(/^no bias of (.*)\.weight$/, "$1.bias");
}
