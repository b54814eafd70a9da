/**
 * Whether a tokenizer and a model can belong together, by the only thing that both tell: the number of ids.
 */
import { PithError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Trainers pad the embedding so that it divides among devices: up to a multiple of 64, 128, … 1,024 rows
 * (Pythia 50,277 → 50,688; Qwen2 151,665 → 151,936; CodeGen 50,295 → 51,200), and never to an odd number.
 * So fewer than 1,024 rows may be without a token, fewer than there are tokens, and only where the number of
 * rows is one that padding gives. A model with fewer than 1,024 rows in all is made for trying things out, and may
 * have any number.
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
