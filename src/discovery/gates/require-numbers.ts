/** Refuses what is not finite, before anything is decided by it. */
import { PithError } from "../../errors.ts";

/** @throws PithError "runtime" where a gradient is not finite. */
export function requireNumbers(values: Float64Array, what: string): void {
  if (values.every(Number.isFinite)) return;
  throw new PithError("runtime", `${what} is not a number.`, {
    advice: "The model may overflow in float32 on these prompts: check it with pith eval.",
  });
}
