/** The list of kept components in circuit.json, layer by layer: {"layer": 3, "heads": "0-3, 5", "mlp": true}. */
import { z } from "zod";
import { type Circuit, circuitOf, componentsOf } from "../transformer/circuit.ts";
import type { Component } from "../transformer/component.ts";
import type { Fail } from "./circuit-file.ts";
import { formatIndices, parseIndices } from "./index-runs.ts";

/** Layers in which nothing is kept are left out, and so is a kind of component of which a layer keeps none. */
export const keptSchema = z.array(
  z.strictObject({
    layer: z.int().min(0),
    /** Runs of heads, as "0-3, 5". */
    heads: z.string().optional(),
    /** Whether the MLP is kept. */
    mlp: z.boolean().optional(),
  }),
);

export type KeptRecord = z.infer<typeof keptSchema>;

export function keptRecord(circuit: Circuit): KeptRecord {
  const layers = new Map<number, { heads: number[]; mlp: boolean }>();
  for (const component of componentsOf(circuit)) {
    const here = layers.get(component.layer) ?? { heads: [], mlp: false };
    layers.set(component.layer, here);
    switch (component.kind) {
      case "head":
        here.heads.push(component.head);
        break;
      case "mlp":
        here.mlp = true;
        break;
      default:
        component satisfies never;
    }
  }
  return [...layers].map(([layer, { heads, mlp }]) => ({
    layer,
    ...(heads.length > 0 && { heads: formatIndices(heads) }),
    ...(mlp && { mlp }),
  }));
}

/**
 * @param heads how many heads each layer of the model has. @param place of the record, for `fail`.
 * @throws the error that `fail` makes from a field and a message.
 */
export function circuitOfKept(
  kept: KeptRecord,
  heads: readonly number[],
  place: string,
  fail: Fail,
): Circuit {
  const components: Component[] = [];
  let before = -1;
  for (const [index, record] of kept.entries()) {
    const { layer, mlp = false } = record;
    const field = `${place}[${index}]`;
    const most = heads[layer];
    if (most === undefined) throw fail(`${field}.layer`, `the model has no layer ${layer}`);
    if (layer <= before)
      throw fail(`${field}.layer`, "must be above the one before it: each layer is listed once");
    before = layer;
    if (record.heads !== undefined) {
      const indices = parseIndices(record.heads, most);
      if ("fault" in indices) throw fail(`${field}.heads`, indices.fault);
      for (const head of indices) components.push({ kind: "head", layer, head });
    }
    if (mlp) components.push({ kind: "mlp", layer });
  }
  return circuitOf(components);
}
