/**
 * Describes faults in the entries of an interrupted search's journal. Each entry is compared with its step: the
 * next component, a finite KL, and the decision by the rule. An entry that the search could not have written
 * would change the shipped circuit without anybody noticing.
 */
import { type Component, type ComponentRecord, nameInLayer } from "../transformer/component.ts";
import type { SearchUnit } from "./search-units.ts";

/** The first entry that does not fit its step, and why. */
export interface StepFault {
  /** The entry's index in the journal. */
  readonly index: number;
  /** What is wrong with it: the end of a sentence that begins with the entry. */
  readonly why: string;
}

/** The same of several components that are tried together. */
export function faultOfUnit(
  expected: SearchUnit,
  decision: ComponentRecord & { readonly also?: readonly string[] | undefined },
): string | undefined {
  const [first, ...others] = expected;
  const fault = faultOfComponent(first, decision);
  if (fault !== undefined) return fault;
  const names = others.map(nameInLayer);
  const { also = [] } = decision;
  if (names.length === also.length && names.every((name, at) => also[at] === name)) return undefined;
  const beside = names.length === 0 ? "by itself" : `with ${names.join(", ")}`;
  return `its component is tried ${beside} in this step, and it says otherwise`;
}

/**
 * @param expected the component that is tried in this step. @returns why the entry does not fit the step, if so.
 */
export function faultOfComponent(
  expected: Component | undefined,
  { layer, component }: ComponentRecord,
): string | undefined {
  if (expected === undefined) return "no component is left for it";
  const name = nameInLayer(expected);
  if (expected.layer === layer && name === component) return undefined;
  return `it stands for layer ${layer}, ${component.slice(0, 40)}, where layer ${expected.layer}, ${name}, is tried`;
}
