/** An answer in which a score is no number is no answer: the likeliest token of such scores would be made up. */
import { PithError } from "../errors.ts";

/**
 * @param logits of one prompt, in any shape. @param model what gave them, as an error calls it.
 * @throws PithError "runtime" where one of them is NaN or infinite.
 */
export function requireFinite(logits: Float32Array, model: string): void {
  let faults = 0;
  for (let at = 0; at < logits.length; at++) if (!Number.isFinite(logits[at])) faults++;
  if (faults === 0) return;
  throw new PithError(
    "runtime",
    `the ${model} gives no answer: ${faults} of its ${logits.length} scores are not finite numbers (NaN or infinity).`,
    { advice: "Its weights are damaged, or too large for the number format that they are computed in." },
  );
}
