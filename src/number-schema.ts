/** A number range as a zod schema. It is a module of its own, so that pages can read ranges without zod. */
import { z } from "zod";
import { isWithin, type NumberRange } from "./number-range.ts";

/** The error describes the range; it follows the field's name. */
export function numberSchema(range: NumberRange) {
  const error = `must be ${range.wanted}`;
  return z.number({ error }).refine((value) => isWithin(range, value), { error });
}
