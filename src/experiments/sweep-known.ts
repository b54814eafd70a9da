/** Chooses the known circuit with which the circuits of each task of a sweep are compared. */
import { PithError } from "../errors.ts";
import { KNOWN_CIRCUITS, type KnownCircuit } from "../known/known-circuits.ts";
import { checkKnownFits } from "../known/known-fits.ts";

/**
 * A built-in list belongs to its own task; a user's list belongs to the sweep's only task.
 * @param headCounts heads of each layer of the model.
 * @returns by task. @throws PithError "options" for a list of another model or task, or two for one task.
 */
export function assignKnown(
  circuits: readonly KnownCircuit[],
  tasks: readonly string[],
  headCounts: readonly number[],
): ReadonlyMap<string, KnownCircuit> {
  const place = { field: "--known" };
  const byTask = new Map<string, KnownCircuit>();
  for (const circuit of circuits) {
    const builtin = KNOWN_CIRCUITS.includes(circuit);
    checkKnownFits(circuit, headCounts);
    const [only, ...others] = tasks;
    if (!builtin && others.length > 0) {
      throw new PithError("options", `${circuit.id} could be of any of ${tasks.join(", ")}.`, {
        place,
        advice: "Sweep one task at a time where the known circuit comes from a file.",
      });
    }
    const task = builtin ? circuit.task : (only ?? "");
    if (!tasks.includes(task)) {
      throw new PithError("options", `${circuit.id} is a circuit of ${task}, which is not swept.`, {
        place,
        advice: `The tasks are ${tasks.join(", ")}.`,
      });
    }
    const other = byTask.get(task);
    if (other !== undefined) {
      throw new PithError("options", `${other.id} and ${circuit.id} are both of ${task}.`, {
        place,
        advice: "Compare with one of them at a time.",
      });
    }
    byTask.set(task, circuit);
  }
  return byTask;
}
