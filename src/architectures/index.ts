/** From a checkpoint's own tensor names to the one description of a model, family by family. */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { readGpt2 } from "./gpt2.ts";

/**
 * Describes a checkpoint as a Transformer. Names and shapes of all tensors are checked now, from the headers;
 * data is read when a weight is, so the checkpoint must stay open as long as the Transformer is in use. Only where
 * config.json ties the unembedding to an embedding that is stored beside it, both are read and compared now.
 * @param onNote told, in a sentence, what of the checkpoint is read otherwise than its config says, or left out.
 * @throws PithError "checkpoint" when a tensor is missing, surplus, or of a shape that config.json doesn't ask for.
 */
export async function readTransformer(
  checkpoint: Pick<Checkpoint, "config" | "directory" | "weights">,
  onNote: (note: string) => void = () => {},
): Promise<Transformer> {
  const { config } = checkpoint;
  // One line a family; the compiler asks for it when `ModelConfig` gets a new member.
  switch (config.modelType) {
    case "gpt2":
      return readGpt2(config, checkpoint, onNote);
  }
}
