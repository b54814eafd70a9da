/**
 * The only function that visits all weights of a model. Names in shipped files, counts, sizes and bytes are based
 * on it, so that a new family's weight is named and counted everywhere once it is listed here.
 */
import type {
  AnyTransformer,
  Attention,
  Block,
  Folded,
  Linear,
  Mlp,
  Norm,
  ProjectionNorm,
} from "./transformer.ts";
import type { Weight } from "./weight.ts";

/**
 * The role of a weight in its model: bodies are the matrices of attention and MLPs; vectors are biases, norms,
 * constants.
 */
export type WeightRole = "body" | "embedding" | "vector";

export interface Part {
  /** Its place, as shipped files name it: "blocks.3.attention.query.weight". */
  readonly path: string;
  readonly role: WeightRole;
  readonly weight: Weight;
}

/**
 * All weights in the order of computing. A weight that is used in several places, such as a tied unembedding,
 * comes once.
 */
export function parts(model: AnyTransformer): readonly Part[] {
  const all = new Map<Weight, Part>();
  mapWeights(model, (weight, path, role) => {
    if (!all.has(weight)) all.set(weight, { path, role, weight });
    return weight;
  });
  return [...all.values()];
}

type Change = (weight: Weight, path: string, role: WeightRole) => Weight;

/** The same model with every weight changed; weights that were one object stay one object. */
export function mapWeights<M extends AnyTransformer>(model: M, change: Change): M {
  const done = new Map<Weight, Weight>();
  const once: Change = (weight, path, role) => {
    const known = done.get(weight) ?? change(weight, path, role);
    done.set(weight, known);
    return known;
  };
  const all: AnyTransformer = model;
  const frame = {
    tokenEmbedding: once(all.tokenEmbedding, "token_embedding", "embedding"),
    positions:
      all.positions.kind === "learned"
        ? { ...all.positions, table: once(all.positions.table, "position_embedding", "embedding") }
        : all.positions,
    blocks: all.blocks.map((block: Block<Folded<Attention>, Folded<Mlp>>, layer) =>
      mapBlock(block, `blocks.${layer}`, once),
    ),
    ...(all.folded &&
      all.finalBias && { finalBias: once(all.finalBias, "final_norm.residual_bias", "vector") }),
    finalNorm: mapNorm(all.finalNorm, "final_norm", once),
    unembedding: once(all.unembedding, "unembedding", "embedding"),
    ...(all.unembeddingBias && { unembeddingBias: once(all.unembeddingBias, "unembedding.bias", "vector") }),
  };
  return { ...model, ...frame };
}

function mapBlock(
  { attention, mlp, ...rest }: Block<Folded<Attention>, Folded<Mlp>>,
  path: string,
  change: Change,
): Block<Folded<Attention>, Folded<Mlp>> {
  return {
    ...rest,
    attention: attention && mapAttention(attention, `${path}.attention`, change),
    mlp: mlp && mapMlp(mlp, `${path}.mlp`, change),
  };
}

function mapAttention(attention: Folded<Attention>, path: string, change: Change): Folded<Attention> {
  const { queryNorm, keyNorm } = attention;
  return {
    ...attention,
    ...mapReader(attention, path, change),
    query: mapLinear(attention.query, `${path}.query`, change),
    key: mapLinear(attention.key, `${path}.key`, change),
    value: mapLinear(attention.value, `${path}.value`, change),
    ...(queryNorm && { queryNorm: mapProjectionNorm(queryNorm, `${path}.query_norm`, change) }),
    ...(keyNorm && { keyNorm: mapProjectionNorm(keyNorm, `${path}.key_norm`, change) }),
    output: mapLinear(attention.output, `${path}.output`, change),
  };
}

function mapMlp(mlp: Folded<Mlp>, path: string, change: Change): Folded<Mlp> {
  return {
    ...mlp,
    ...mapReader(mlp, path, change),
    ...(mlp.gate && { gate: mapLinear(mlp.gate, `${path}.gate`, change) }),
    up: mapLinear(mlp.up, `${path}.up`, change),
    down: mapLinear(mlp.down, `${path}.down`, change),
  };
}

type Read = Pick<Folded<Attention>, "norm" | "postNorm" | "residualBias">;

function mapReader({ norm, postNorm, residualBias }: Read, path: string, change: Change): Read {
  return {
    ...(residualBias && { residualBias: change(residualBias, `${path}.norm.residual_bias`, "vector") }),
    ...(norm && { norm: mapNorm(norm, `${path}.norm`, change) }),
    ...(postNorm && { postNorm: mapNorm(postNorm, `${path}.post_norm`, change) }),
  };
}

function mapProjectionNorm(norm: ProjectionNorm, path: string, change: Change): ProjectionNorm {
  switch (norm.kind) {
    case "layer":
    case "rms":
      return mapNorm(norm, path, change);
    case "joint":
      return {
        ...norm,
        scale: change(norm.scale, `${path}.scale`, "vector"),
        ...(norm.pruned && { pruned: mapLinear(norm.pruned, `${path}.pruned`, change) }),
      };
  }
}

function mapNorm(norm: Norm, path: string, change: Change): Norm {
  const scale = change(norm.scale, `${path}.scale`, "vector");
  switch (norm.kind) {
    case "rms":
      return { ...norm, scale };
    case "layer":
      return { ...norm, scale, ...(norm.shift && { shift: change(norm.shift, `${path}.shift`, "vector") }) };
  }
}

function mapLinear({ weight, bias, ...rest }: Linear, path: string, change: Change): Linear {
  return {
    ...rest,
    weight: change(weight, `${path}.weight`, "body"),
    ...(bias && { bias: change(bias, `${path}.bias`, "vector") }),
  };
}
