/**
 * What is wrong with the entries of an interrupted search's journal. Each is compared with the step that it stands for:
 * the component that comes next, a finite KL, and what the rule makes of it. An entry that the search could not have
 * written would decide what is shipped without anybody noticing.
 */
import { type Component, type ComponentRecord, nameInLayer } from "../transformer/component.ts";

/** The first entry that stands for no step, and why. */
export interface StepFault {
  /** The entry's index in the journal. */
  readonly index: number;
  /** What is wrong with it: the end of a sentence that begins with the entry. */
  readonly why: string;
}

/** @param expected the component that is tried in this step. @returns why the entry can't stand for it, if so. */
export function faultOfComponent(
  expected: Component | undefined,
  { layer, component }: ComponentRecord,
): string | undefined {
  if (expected === undefined) return "no component is left for it";
  const name = nameInLayer(expected);
  if (expected.layer === layer && name === component) return undefined;
  return `it stands for layer ${layer}, ${component.slice(0, 40)}, where layer ${expected.layer}, ${name}, is tried`;
}
