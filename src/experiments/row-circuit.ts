/** The circuit that a sweep's row lists. */
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { parseIndices } from "../transformer/index-runs.ts";
import { mostNeurons, type SweepRow } from "./sweep-row.ts";

/** The circuit of the components that a sweep's row lists as kept. @throws RangeError for a malformed list of neurons. */
export function circuitOfRow({
  heads,
  mlpsKept,
  neuronsKept = [],
}: Pick<SweepRow, "heads" | "mlpsKept" | "neuronsKept">): Circuit {
  const neurons = neuronsKept.map(([layer, runs]): [number, readonly number[]] => {
    const own = parseIndices(runs, mostNeurons);
    if ("fault" in own) throw new RangeError(`the neurons of layer ${layer}: the list ${own.fault}`);
    return [layer, own];
  });
  return circuitOfLists({ heads, mlps: mlpsKept, neurons });
}
