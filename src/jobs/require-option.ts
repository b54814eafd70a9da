/** Refuses values of options that are out of range or not among the choices, for all jobs in the same words. */
import { PithError } from "../errors.ts";
import { isWithin, type NumberRange } from "../number-range.ts";

/** @param field the option's name for the user. @throws PithError "options" for a number out of the range. */
export function requireNumber(field: string, value: unknown, range: NumberRange): void {
  requireOption(field, value, isWithin(range, value), range.wanted);
}

/** @throws PithError "options" where `valid` does not hold. */
export function requireOption(field: string, value: unknown, valid: boolean, wanted: string): void {
  if (!valid)
    throw new PithError("options", `is ${String(value)}, but must be ${wanted}.`, { place: { field } });
}
