/** Checks of every weight that is read from a file: it fits in memory, and all its values are finite. */
import { type ErrorPlace, PithError } from "../errors.ts";

/** @throws PithError "checkpoint" for NaN and infinities. @param first the place of `values` in the tensor. */
export function requireFiniteWeights(values: Float32Array, place: ErrorPlace, first: number): void {
  // Without a branch for each value: v − v is 0, and NaN where v is NaN or infinite.
  let differences = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    differences += value - value;
  }
  if (differences === 0) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new PithError(
    "checkpoint",
    `element ${first + at} is ${values[at]}; with it every answer of the model is NaN.`,
    {
      place,
      advice:
        "The training or the conversion of this checkpoint failed: take an earlier one, or convert it again.",
    },
  );
}

/** @throws PithError "checkpoint" for more than one array can hold. */
export function allocateValues(count: number, place: ErrorPlace): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PithError("checkpoint", `${count} values are more than this machine can hold in one array`, {
      place,
    });
  }
}
