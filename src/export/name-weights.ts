/**
 * A model's weights under names that say where they stand in it. Of weights that were sliced and joined, the
 * checkpoint's names would be paragraphs; and a standalone model is not the checkpoint's any more.
 */
import type { Attention, Linear, Mlp, Norm, Transformer } from "../transformer/transformer.ts";
import type { Weight } from "../transformer/weight.ts";

/** The same model; weights that were one object still are. */
export function nameWeights(model: Transformer): Transformer {
  const tokenEmbedding = renamed(model.tokenEmbedding, "token_embedding");
  return {
    ...model,
    tokenEmbedding,
    positionEmbedding: renamed(model.positionEmbedding, "position_embedding"),
    blocks: model.blocks.map(({ attention, mlp }, layer) => ({
      attention: attention && nameAttention(attention, `blocks.${layer}.attention`),
      mlp: mlp && nameMlp(mlp, `blocks.${layer}.mlp`),
    })),
    finalNorm: nameNorm(model.finalNorm, "final_norm"),
    unembedding:
      model.unembedding === model.tokenEmbedding ? tokenEmbedding : renamed(model.unembedding, "unembedding"),
  };
}

function nameAttention(attention: Attention, name: string): Attention {
  return {
    ...attention,
    norm: nameNorm(attention.norm, `${name}.norm`),
    query: nameLinear(attention.query, `${name}.query`),
    key: nameLinear(attention.key, `${name}.key`),
    value: nameLinear(attention.value, `${name}.value`),
    output: nameLinear(attention.output, `${name}.output`),
  };
}

function nameMlp(mlp: Mlp, name: string): Mlp {
  return {
    ...mlp,
    norm: nameNorm(mlp.norm, `${name}.norm`),
    up: nameLinear(mlp.up, `${name}.up`),
    down: nameLinear(mlp.down, `${name}.down`),
  };
}

function nameNorm(norm: Norm, name: string): Norm {
  return {
    ...norm,
    ...(norm.residualBias && { residualBias: renamed(norm.residualBias, `${name}.residual_bias`) }),
    scale: renamed(norm.scale, `${name}.scale`),
    shift: renamed(norm.shift, `${name}.shift`),
  };
}

function nameLinear({ weight, bias }: Linear, name: string): Linear {
  return {
    weight: renamed(weight, `${name}.weight`),
    ...(bias && { bias: renamed(bias, `${name}.bias`) }),
  };
}

const renamed = (weight: Weight, name: string): Weight => ({
  name,
  shape: weight.shape,
  read: () => weight.read(),
});
