/** Refuses logits that are not finite numbers: a most likely token computed from them would be meaningless. */
import { PithError } from "../errors.ts";

/**
 * @param logits of one prompt, in any shape. @param model the model's name in the error.
 * @throws PithError "runtime" if one of them is NaN or infinite.
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
