/** Functions for removing components of a circuit by hand, and for adding them. */
import {
  type Circuit,
  componentsOf,
  countComponents,
  keeps,
  withComponents,
  without,
} from "../../src/transformer/circuit.ts";
import type { Component } from "../../src/transformer/component.ts";

/** How many components only one of the two circuits keeps. */
export function differences(one: Circuit, other: Circuit): number {
  const only = (these: Circuit, those: Circuit) => countComponents(without(these, componentsOf(those)));
  return only(one, other) + only(other, one);
}

/** The circuit without the component if it has it, else with it. */
export function toggled(circuit: Circuit, component: Component): Circuit {
  return keeps(circuit, component) ? without(circuit, [component]) : withComponents(circuit, [component]);
}
