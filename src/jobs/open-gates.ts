/** Opens a task's model with gates, with the replacements of a search at gates of 0. */
import { gateMeansOf } from "../discovery/gates/gate-means.ts";
import type { GatedPrompt } from "../discovery/gates/gated-prompt.ts";
import { type OpenGates, openGates } from "../discovery/gates/open-gates.ts";
import type { Replacements } from "../discovery/replacements.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { EncodedExample, EncodedTask } from "../tasks/encode-task.ts";
import type { Transformer } from "../transformer/transformer.ts";

interface GatedTask {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Transformer;
  readonly encoded: EncodedTask;
  /** With those of neurons, where gates of neurons are asked for. */
  readonly replacements: Replacements;
  /** Whether weights stay loaded between runs; left out: by their size. */
  readonly holds?: boolean | undefined;
}

export function openTaskGates({ runtime, model, encoded, replacements, holds }: GatedTask): OpenGates {
  const prompts = {
    patching: encoded.patching.map(gatedPrompt),
    validation: encoded.validation.map(gatedPrompt),
  };
  return openGates(runtime, model, prompts, gateMeansOf(model, replacements), { holds });
}

/** Several answers are of one token each, at one position; a single one has a position for each of its tokens. */
function gatedPrompt({ forced, answers, scored, distractors }: EncodedExample): GatedPrompt {
  const accepted = scored > 1 ? (answers[0] ?? []).map((token) => [token]) : [answers.flat()];
  return { ids: forced, accepted, ...(distractors && { distractors }) };
}
