/** Checks a journaled evaluation of a circuit: whether an evaluation can have this result. */
import { circuitKey, wholeCircuit } from "../../../transformer/circuit.ts";
import { shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { AssessmentEntry } from "./assess.ts";

/** @param entry an evaluation of a search for a target. @returns why it can't be one, if so. */
export function faultInAssessment(
  model: Transformer,
  { circuit, kl, accuracy }: AssessmentEntry,
): string | undefined {
  const whole = circuitKey(wholeCircuit(shapeOf(model))).split(" ");
  let at = -1;
  for (const name of circuit === "" ? [] : circuit.split(" ")) {
    at = whole.indexOf(name, at + 1);
    if (at < 0) return `"${name.slice(0, 40)}" is no component of the model in its place`;
  }
  if (!Number.isFinite(kl)) return "its KL is not finite";
  if (accuracy !== undefined && !(accuracy >= 0 && accuracy <= 1)) return "its accuracy is no share";
  return undefined;
}
