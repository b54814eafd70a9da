/**
 * Reads the token embedding and the unembedding, which may be one matrix, as transformers 5 does. If they are
 * tied, safetensors' `save_model` stores only one of them, and not always the embedding. If both are stored and
 * differ, the model was trained untied, whatever its config says.
 */
import { sameValues } from "../checkpoint/same-values.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { CheckpointTensors } from "./family.ts";
import type { TensorTaker } from "./take-tensors.ts";

export interface EmbeddingNames {
  readonly embedding: string;
  readonly unembedding: string;
  /** Whether config.json says that the two are one. */
  readonly tied: boolean;
  /** [vocabulary, d]. */
  readonly shape: readonly number[];
}

/** Reads and compares both only if config.json ties them and both are stored. */
export async function readEmbeddings(
  names: EmbeddingNames,
  tensors: TensorTaker,
  weights: CheckpointTensors["weights"],
  onNote: (note: string) => void,
): Promise<Pick<Transformer, "tokenEmbedding" | "unembedding">> {
  const { shape, tied } = names;
  const [embedding, unembedding] = [weights.get(names.embedding), weights.get(names.unembedding)];
  if (tied && (embedding === undefined || unembedding === undefined)) {
    const only = tensors.take(unembedding === undefined ? names.embedding : names.unembedding, shape);
    return { tokenEmbedding: only, unembedding: only };
  }
  const pair = {
    tokenEmbedding: tensors.take(names.embedding, shape),
    unembedding: tensors.take(names.unembedding, shape),
  };
  if (!tied || embedding === undefined || unembedding === undefined) return pair;
  if (await sameValues(embedding, unembedding)) return { ...pair, unembedding: pair.tokenEmbedding };
  onNote(
    `config.json ties the unembedding to ${names.embedding}, but the checkpoint holds another ${names.unembedding}: that one is used, as transformers 5 does.`,
  );
  return pair;
}
