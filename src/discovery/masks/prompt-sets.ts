/**
 * The prompts of a search by gates, in three sets. Masks are learned from most patching prompts and all validation
 * prompts; every second patching prompt is held out, and no gradient ever sees it. What a mask has learned by heart
 * shows on these, so that they choose the size and say when pruning ends; the test prompts choose nothing.
 */
import type { Loss } from "../../lowering/loss-stages.ts";
import type { GatedModel } from "../gates/gated-model.ts";

/** Numbers of prompts of a gated model. */
export interface PromptSets {
  /** What masks are learned from. */
  readonly learning: readonly number[];
  /** Every validation prompt, if none of them is held out. */
  readonly validation: readonly number[];
  /** What choices are checked on; may be empty where there are hardly any prompts. */
  readonly held: readonly number[];
}

/** One prompt of so many is held out. */
const heldOf = { patching: 2, validation: 4 };

/** The numbers of a gated model's validation prompts. */
export function validationOf({
  prompts,
  patching,
}: Pick<GatedModel, "prompts" | "patching">): readonly number[] {
  return Array.from({ length: prompts - patching }, (_, at) => patching + at);
}

/** @param loss of which the prompts are measured: patching prompts have no answers, so only KL can be measured on them. */
export function promptSets(gated: Pick<GatedModel, "prompts" | "patching">, loss: Loss): PromptSets {
  const all = Array.from({ length: gated.prompts }, (_, prompt) => prompt);
  const validation = validationOf(gated);
  const from = loss === "kl" ? all.slice(0, gated.patching) : validation;
  const every = loss === "kl" ? heldOf.patching : heldOf.validation;
  const held = from.length < every ? [] : from.filter((_, at) => at % every === 0);
  const chosen = new Set(held);
  const open = (prompts: readonly number[]) => prompts.filter((prompt) => !chosen.has(prompt));
  return {
    learning: open(loss === "kl" ? all : validation),
    validation: open(validation),
    held,
  };
}
