/** Which known circuit the circuits of each of a sweep's tasks are compared with. */
import { PithError } from "../errors.ts";
import {
  GPT2_SMALL_HEADS,
  KNOWN_CIRCUITS,
  type KnownCircuit,
  knownHeads,
} from "../evaluation/known-circuits.ts";
import { recoveryRates } from "../evaluation/recovery.ts";

/**
 * A built-in list counts for its own task, a user's for the one task that there is.
 * @param headCounts heads of each layer of the model.
 * @returns by task. @throws PithError "options" for a list of another model or task, or two for one task;
 * "circuit" for a head that the model does not have.
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
    if (builtin && headCounts.join() !== GPT2_SMALL_HEADS.join()) {
      const heads = [...new Set(headCounts)].join(" or ");
      throw new PithError(
        "options",
        `the known circuit ${circuit.id} is of GPT-2 small, 12 layers of 12 heads; this model has ${headCounts.length} layers of ${heads}.`,
        { place, advice: 'Give a file with heads of this model: {"heads": [[layer, head], …]}.' },
      );
    }
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
      throw new PithError("options", `${other.id} and ${circuit.id} are both of ${task}.`, { place });
    }
    // Before the sweep begins, not at its first row.
    recoveryRates({ heads: [] }, knownHeads(circuit), headCounts);
    byTask.set(task, circuit);
  }
  return byTask;
}
