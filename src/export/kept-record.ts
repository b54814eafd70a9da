/**
 * The list of kept components in circuit.json, layer by layer: {"layer": 3, "heads": "0-3, 5", "mlp": true}, or, of an
 * MLP that stays in part, {"layer": 4, "neurons": "0-12, 15, 17-40"}.
 */
import { z } from "zod";
import { type Circuit, circuitOfLists, keptHeads, keptLayers, keptNeurons } from "../transformer/circuit.ts";
import { shapeOfHeadCounts } from "../transformer/component.ts";
import { formatIndices, parseIndices } from "../transformer/index-runs.ts";
import type { CircuitFile, Fail } from "./circuit-file.ts";

/** Layers in which nothing is kept are left out, and so is a kind of component of which a layer keeps none. */
export const keptSchema = z.array(
  z.strictObject({
    layer: z.int().min(0),
    /** Runs of heads, as "0-3, 5". */
    heads: z.string().optional(),
    /** Whether the MLP is kept whole. */
    mlp: z.boolean().optional(),
    /** Runs of the MLP's neurons, where some of them, not all, are kept. */
    neurons: z.string().optional(),
  }),
);

export type KeptRecord = z.infer<typeof keptSchema>;

export function keptRecord(circuit: Circuit): KeptRecord {
  return keptLayers(circuit).map((layer) => {
    const [heads, neurons] = [keptHeads(circuit, layer), keptNeurons(circuit, layer)];
    return {
      layer,
      ...(heads.length > 0 && { heads: formatIndices(heads) }),
      ...(neurons === "all" ? { mlp: true } : neurons.length > 0 && { neurons: formatIndices(neurons) }),
    };
  });
}

/**
 * @param model how many heads, and neurons, each layer of the model has. @param place of the record, for `fail`.
 * @throws the error that `fail` makes from a field and a message.
 */
export function circuitOfKept(
  kept: KeptRecord,
  model: Pick<CircuitFile["model"], "heads" | "neurons">,
  place: string,
  fail: Fail,
): Circuit {
  const heads: [layer: number, head: number][] = [];
  const mlps: number[] = [];
  const inPart: [layer: number, neurons: readonly number[]][] = [];
  let before = -1;
  for (const [index, record] of kept.entries()) {
    const { layer, mlp = false, neurons } = record;
    const field = `${place}[${index}]`;
    const most = model.heads[layer];
    if (most === undefined) throw fail(`${field}.layer`, `the model has no layer ${layer}`);
    if (layer <= before)
      throw fail(`${field}.layer`, "must be above the one before it: each layer is listed once");
    before = layer;
    const indicesOf = (text: string, name: "heads" | "neurons", count: number) => {
      const indices = parseIndices(text, count);
      if ("fault" in indices) throw fail(`${field}.${name}`, indices.fault);
      return indices;
    };
    if (record.heads !== undefined)
      for (const head of indicesOf(record.heads, "heads", most)) heads.push([layer, head]);
    if (mlp) mlps.push(layer);
    if (neurons === undefined) continue;
    const hidden = model.neurons?.[layer];
    if (mlp) throw fail(`${field}.neurons`, "must be left out where the whole MLP is kept");
    if (hidden === undefined)
      throw fail(`${field}.neurons`, "can't be read without model.neurons, which says how many there are");
    inPart.push([layer, indicesOf(neurons, "neurons", hidden)]);
  }
  return circuitOfLists({ heads, mlps, neurons: inPart }, shapeOfHeadCounts(model.heads, model.neurons));
}
