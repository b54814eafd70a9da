/**
 * Checks the journal of an interrupted sweep against the plan: evaluations must follow the steps of their unit,
 * rows must have the circuits that the evaluations give, and nothing may follow the end of a unit.
 */
import { followSweep } from "../discovery/follow-sweep.ts";
import type { StepFault } from "../discovery/step-fault.ts";
import { sameCircuit } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { circuitOfRow } from "./row-circuit.ts";
import type { JournalLine } from "./sweep-journal.ts";
import { alphasOfUnit, type SweepPlan } from "./sweep-plan.ts";

export function faultInSweep(
  model: Transformer,
  plan: SweepPlan,
  lines: readonly JournalLine[],
): StepFault | undefined {
  const units = plan.units.map((unit) => followUnit(model, plan, unit));
  for (const [index, line] of lines.entries()) {
    const follow = units[line.unit];
    const why = follow === undefined ? `there is no unit ${line.unit}` : follow(line);
    if (why !== undefined) return { index, why };
  }
  return undefined;
}

/** @returns a function that says why the unit's next line is wrong, if it is. */
function followUnit(
  model: Transformer,
  plan: SweepPlan,
  unit: SweepPlan["units"][number],
): (line: JournalLine) => string | undefined {
  const { maxKl, order } = plan;
  const { task, seed, ablation, mlps } = unit;
  const alphas = alphasOfUnit(plan, unit);
  const sweep = followSweep(model, { alphas, maxKl, mlps, order });
  const measured = new Set<number>();
  let ended = false;
  return (line) => {
    if (ended) return "its unit had ended before it";
    if ("entry" in line) return sweep.take(line.entry);
    if ("counts" in line) {
      ended = true;
      if (alphas.some((alpha) => !measured.has(alpha))) return "it ends a unit that has thresholds left";
      return line.counts.evaluations === sweep.entries ? undefined : "it counts other evaluations";
    }
    const { row } = line;
    const isOwn = row.task === task && row.seed === seed && row.ablation === ablation && row.mlps === mlps;
    if (!isOwn || !alphas.includes(row.alpha)) return "it is a row of another unit or threshold";
    if (measured.has(row.alpha)) return "a row before it is of the same threshold";
    const circuit = sweep.circuitAt(row.alpha);
    const isFound = circuit !== undefined && sameCircuit(circuit, circuitOfRow(row));
    if (!isFound) return "its circuit is not the one that the evaluations before it make";
    measured.add(row.alpha);
    return undefined;
  };
}
