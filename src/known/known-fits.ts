/** Checks that a known circuit can be a circuit of the given model, before anything is computed. */
import { PithError } from "../errors.ts";
import { headNumber } from "../transformer/component.ts";
import { GPT2_SMALL_HEADS, KNOWN_CIRCUITS, type KnownCircuit, knownHeads } from "./known-circuits.ts";

/**
 * @param headCounts heads of each layer of the model.
 * @throws PithError "options" that names the circuit: a built-in list of another model's shape, or a head that
 *   the model does not have.
 */
export function checkKnownFits(circuit: KnownCircuit, headCounts: readonly number[]): void {
  const heads = [...new Set(headCounts)].join(" or ");
  const details = {
    place: { field: "--known" },
    advice: 'Give a file with heads of this model: {"heads": [[layer, head], …]}, both counting from 0.',
  };
  if (KNOWN_CIRCUITS.includes(circuit) && headCounts.join() !== GPT2_SMALL_HEADS.join()) {
    throw new PithError(
      "options",
      `the known circuit ${circuit.id} is of GPT-2 small, 12 layers of 12 heads; this model has ${headCounts.length} layers of ${heads}.`,
      details,
    );
  }
  const missing = knownHeads(circuit).find(([layer, head]) => head >= (headCounts[layer] ?? 0));
  if (missing === undefined) return;
  throw new PithError(
    "options",
    `the known circuit ${circuit.id} has the head ${headNumber(...missing)}, which this model of ${headCounts.length} layers of ${heads} heads does not have.`,
    details,
  );
}
