/** Checks whether a tokenizer can belong to a model, by the only number that both give: the number of ids. */
import { PithError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Trainers pad the embedding so that it divides evenly among devices: up to a multiple of 64, 128, … 1,024 rows
 * (Pythia 50,277 → 50,688; Qwen2 151,665 → 151,936; CodeGen 50,295 → 51,200), and never to an odd number. So rows
 * without a token are accepted only if there are fewer than 1,024 of them, fewer than there are tokens, and if
 * padding can give that number of rows. A model with fewer than 1,024 rows in all is a model for experiments, and
 * may have any number.
 */
const PADDING_BELOW = 1024;
const PADDED_ROWS_DIVIDE_BY = 8;

/**
 * @param embeddingRows rows of the token embedding.
 * @throws PithError "tokenizer" when the tokenizer has more ids than the embedding has rows (a prompt could
 *   read outside it), or fewer than padding explains (it is most likely another model's tokenizer).
 */
export function checkVocabulary(tokenizer: Pick<Tokenizer, "vocabularySize">, embeddingRows: number): void {
  const { vocabularySize } = tokenizer;
  const padding = embeddingRows - vocabularySize;
  const padded =
    padding > 0 &&
    padding < Math.min(PADDING_BELOW, vocabularySize) &&
    (embeddingRows % PADDED_ROWS_DIVIDE_BY === 0 || embeddingRows < PADDING_BELOW);
  if (padding === 0 || padded) return;
  throw new PithError(
    "tokenizer",
    padding < 0
      ? `the tokenizer has ${vocabularySize} ids, but the model's embedding only ${embeddingRows} rows.`
      : `the tokenizer has ${vocabularySize} ids, but the model's embedding ${embeddingRows} rows: more than padding explains.`,
    { advice: "Use the tokenizer that the model was trained with." },
  );
}
