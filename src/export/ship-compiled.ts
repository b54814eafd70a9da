/** Makes the files of a compiled circuit that are shipped. */

import { type CompiledModel, lowerCompiled } from "../lowering/compiled.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import type { ParameterCount } from "../measure/parameters.ts";
import type { Graph } from "../onnx/graph.ts";
import { elementCount } from "../transformer/weight.ts";

export interface ShippedCompiled {
  readonly graph: Graph;
  /** The parameters in the weights file: tables count as embeddings. */
  readonly parameters: ParameterCount;
  /** config.json. No other library knows this kind of model, and none may treat it as a model that it knows. */
  readonly config: object;
}

export function shipCompiled(model: CompiledModel, target: OperatorSet = "portable"): ShippedCompiled {
  const graph = lowerCompiled(model, target);
  const count = { body: 0, embedding: 0, bias: 0 };
  for (const { value, weight } of graph.weights)
    count[kindOf(value.name, weight.shape)] += elementCount(weight.shape);
  return {
    graph,
    parameters: { ...count, total: count.body + count.embedding + count.bias },
    config: {
      architectures: ["PithCompiledCircuit"],
      model_type: "pith-compiled",
      torch_dtype: "float32",
      pith: {
        profile: { kind: "aligned", length: model.vocabulary.positions.length },
        compiled: {
          width: model.width,
          answers: model.vocabulary.answers.length,
          rows: model.vocabulary.positions.reduce((sum, tokens) => sum + tokens.length, 0),
        },
      },
    },
  };
}

function kindOf(name: string, shape: readonly number[]): "body" | "embedding" | "bias" {
  if (name.startsWith("table.") || name === "unembedding") return "embedding";
  return shape.length > 1 && !name.includes("residual_bias") ? "body" : "bias";
}
