/** Arithmetic with gates and scores, value by value. */
import type { GateKind, GateValues } from "./gates.ts";

/** @param map gets each value, its kind, its layer and its number there. */
export function mapGates(
  gates: Partial<GateValues>,
  map: (value: number, kind: GateKind, layer: number, index: number) => number,
): Partial<GateValues> {
  const layers = (kind: "heads" | "neurons") =>
    gates[kind]?.map((values, layer) => values.map((value, index) => map(value, kind, layer, index)));
  const [heads, mlps, neurons] = [
    layers("heads"),
    gates.mlps?.map((value, layer) => map(value, "mlps", layer, 0)),
    layers("neurons"),
  ];
  return { ...(heads && { heads }), ...(mlps && { mlps }), ...(neurons && { neurons }) };
}

/** One value of gates that may lack its kind. */
function gateAt(gates: Partial<GateValues>, kind: GateKind, layer: number, index: number): number {
  const value = kind === "mlps" ? gates.mlps?.[layer] : gates[kind]?.[layer]?.[index];
  if (value === undefined) throw new RangeError(`no ${kind} ${layer}.${index}`);
  return value;
}

/** Σ weight·gates of equal kinds. */
export function addGates(
  parts: readonly { readonly weight: number; readonly gates: Partial<GateValues> }[],
): Partial<GateValues> {
  const [first, ...others] = parts;
  if (first === undefined) return {};
  return mapGates(first.gates, (value, kind, layer, index) =>
    others.reduce(
      (sum, { weight, gates }) => sum + weight * gateAt(gates, kind, layer, index),
      first.weight * value,
    ),
  );
}
