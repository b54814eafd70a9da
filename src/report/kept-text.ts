/** How much a circuit keeps, in words: one phrase for each kind of component that it may keep in part. */
import type { CircuitFile } from "../export/circuit-file.ts";
import { shapeOfFile } from "../export/file-circuit.ts";
import { type Circuit, countKept, keptNeurons, wholeCircuit } from "../transformer/circuit.ts";
import { kindNouns, type ModelShape } from "../transformer/component.ts";
import { formatCount, plural } from "./format.ts";
import { cellKinds } from "./layer-cells.ts";

/** "15 heads", "4 MLPs"; "390 neurons of MLPs that stay in part". */
export function keptCounts(circuit: Circuit): readonly string[] {
  const kept = countKept(circuit);
  return [
    ...cellKinds.map((kind) => plural(kept[kind], kindNouns[kind])),
    ...(kept.neuron === 0 ? [] : [`${plural(kept.neuron, "neuron")} of MLPs that stay in part`]),
  ];
}

/** "15 of 36 heads", "6 of 6 MLPs (not on trial)"; "390 of 4,608 neurons" where an MLP stays in part. */
export function keptOfAll(file: CircuitFile): readonly string[] {
  const kept = countKept(file.kept);
  const shape = shapeOfFile(file);
  const all = countKept(wholeCircuit(shape));
  const neurons = neuronsOf(file.kept, shape);
  return [
    ...cellKinds.map((kind) => {
      const untried =
        file.onTrial.includes(kind) || (kind === "mlp" && kept.neuron > 0) ? "" : " (not on trial)";
      return `${kept[kind]} of ${plural(all[kind], kindNouns[kind])}${untried}`;
    }),
    ...(kept.neuron === 0 ? [] : [`${formatCount(neurons.kept)} of ${formatCount(neurons.all)} neurons`]),
  ];
}

/** How many neurons a circuit keeps, those of whole MLPs too, and how many the model has. */
function neuronsOf(circuit: Circuit, shape: ModelShape): { readonly kept: number; readonly all: number } {
  let [kept, all] = [0, 0];
  for (const [layer, { hidden = 0 }] of shape.entries()) {
    const own = keptNeurons(circuit, layer);
    kept += own === "all" ? hidden : own.length;
    all += hidden;
  }
  return { kept, all };
}
