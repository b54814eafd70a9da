/** How much a circuit keeps, in words: one phrase for each kind of component. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { shapeOfFile } from "../export/file-circuit.ts";
import { type Circuit, countKept, wholeCircuit } from "../transformer/circuit.ts";
import { componentKinds, kindNouns } from "../transformer/component.ts";
import { plural } from "./format.ts";

/** "15 heads", "4 MLPs". */
export function keptCounts(circuit: Circuit): readonly string[] {
  const kept = countKept(circuit);
  return componentKinds.map((kind) => plural(kept[kind], kindNouns[kind]));
}

/** "15 of 36 heads", "6 of 6 MLPs (not on trial)". */
export function keptOfAll(file: CircuitFile): readonly string[] {
  const kept = countKept(file.kept);
  const all = countKept(wholeCircuit(shapeOfFile(file)));
  return componentKinds.map((kind) => {
    const untried = file.onTrial.includes(kind) ? "" : " (not on trial)";
    return `${kept[kind]} of ${plural(all[kind], kindNouns[kind])}${untried}`;
  });
}
