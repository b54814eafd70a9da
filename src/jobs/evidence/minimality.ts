/**
 * Minimality: whether any single kept component can go within the search's own budget. A search tries a component
 * while others are still there; when these have gone, it may have become useless.
 */
import type { CircuitFile } from "../../export/circuit-file.ts";
import type { Random } from "../../tasks/random.ts";
import { type Circuit, componentsOf, without } from "../../transformer/circuit.ts";
import { type Component, type ModelShape, recordOf } from "../../transformer/component.ts";
import type { AssessedCircuit } from "./assess-circuits.ts";
import type { EvidenceBudget, Minimality, WithoutOne } from "./evidence-result.ts";

/** A circuit of many neurons is tried at so many of its components, drawn at random. */
const mostTried = 512;

/** The search's own rule, from circuit.json. */
export function budgetOf({ search, target }: Pick<CircuitFile, "search" | "target">): EvidenceBudget {
  const { alpha, maxKl } = search.options;
  const bound = typeof maxKl === "number" ? { maxKl } : {};
  switch (target?.kind) {
    case undefined:
      // Only Algorithm 1 judges components by α; a search by gates names it for the circuit that it compares with.
      return typeof alpha === "number" && search.name === "greedy"
        ? { kind: "growth", value: alpha, ...bound }
        : { kind: "none" };
    case "size":
      return { kind: "none" };
    case "kl":
      return { kind: "kl", value: target.value };
    case "accuracy":
      return { kind: "accuracy", value: target.value, ...bound };
  }
}

/** The components of a circuit that are tried: those of kinds on trial, or some of them. */
export function triedComponents(
  circuit: Circuit,
  onTrial: CircuitFile["onTrial"],
  random: Random,
): { readonly tried: readonly Component[]; readonly untried: number } {
  const all = componentsOf(circuit).filter(({ kind }) => onTrial.includes(kind));
  if (all.length <= mostTried) return { tried: all, untried: 0 };
  const chosen = new Set(random.shuffled(all).slice(0, mostTried));
  return { tried: all.filter((component) => chosen.has(component)), untried: all.length - mostTried };
}

/** @param shape of the model. @param assess measures a circuit on the validation prompts. */
export async function tryEach(
  circuit: Circuit,
  shape: ModelShape,
  { tried, untried }: ReturnType<typeof triedComponents>,
  budget: EvidenceBudget,
  assess: (circuit: Circuit) => Promise<AssessedCircuit>,
): Promise<Minimality> {
  const { kl } = await assess(circuit);
  const results: WithoutOne[] = [];
  for (const component of tried) {
    const found = await assess(without(circuit, [component], shape));
    results.push({
      ...recordOf(component),
      ...{ kl: found.kl, accuracy: found.accuracy, removable: allows(budget, kl, found) },
    });
  }
  return { budget, kl, tried: results, untried };
}

function allows(budget: EvidenceBudget, before: number, { kl, accuracy }: AssessedCircuit): boolean {
  switch (budget.kind) {
    case "growth":
      return kl - before < budget.value && kl <= (budget.maxKl ?? Number.POSITIVE_INFINITY);
    case "kl":
      return kl <= budget.value;
    case "accuracy":
      return accuracy >= budget.value && kl <= (budget.maxKl ?? Number.POSITIVE_INFINITY);
    case "none":
      return false;
  }
}
