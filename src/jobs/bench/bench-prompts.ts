/** The prompts of a bench: a task's, or random tokens if there is no task. */
import { PithError } from "../../errors.ts";
import { circuitManner } from "../../export/ask-circuit.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { promptTokens } from "../../tokenizer/prompt-ids.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Task } from "../read-task.ts";

/** The batch size of the paper. */
const largestBatch = 150;
const randomLength = 16;

/**
 * Prompts of one length, the circuit's or else the most frequent, at most 150.
 * @throws PithError "options" for a compiled circuit without a task; "task" when none of the task's prompts has the circuit's length.
 */
export function benchPrompts(
  circuit: CircuitFile,
  tokenizer: Tokenizer,
  task: Task | undefined,
): readonly (readonly number[])[] {
  const { profile, model, task: own, compiled } = circuit;
  if (task === undefined && compiled !== undefined) {
    throw new PithError("options", `a compiled circuit takes its own task's prompts only: ${own.name}.`, {
      place: { field: "--task" },
      advice: "Say where that task is.",
    });
  }
  if (task === undefined) {
    const length = profile.kind === "aligned" ? profile.length : Math.min(randomLength, model.context);
    return randomPrompts(largestBatch, length, model.vocabulary);
  }
  const manner = circuitManner({ circuit, tokenizer });
  const byLength = new Map<number, (readonly number[])[]>();
  for (const { prompt, system = own.chat?.system } of task.examples) {
    const ids = promptTokens(tokenizer, prompt, manner, system);
    byLength.set(ids.length, [...(byLength.get(ids.length) ?? []), ids]);
  }
  const group =
    profile.kind === "aligned"
      ? byLength.get(profile.length)
      : [...byLength.values()].sort((a, b) => b.length - a.length)[0];
  if (group !== undefined && group.length > 0) return group.slice(0, largestBatch);
  throw new PithError(
    "task",
    profile.kind === "aligned"
      ? `no prompt has ${profile.length} tokens, which is what this circuit takes.`
      : "there is no prompt.",
    { place: { file: task.path } },
  );
}

/** Pseudo-random prompts, the same at every call; Numerical Recipes' linear congruential generator. */
function randomPrompts(count: number, length: number, vocabulary: number): readonly (readonly number[])[] {
  let state = 1;
  return Array.from({ length: count }, () =>
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * vocabulary);
    }),
  );
}

/** A prompt of any length: the tokens of a given one, repeated. */
export function stretched(ids: readonly number[], length: number): readonly number[] {
  return Array.from({ length }, (_, at) => ids[at % ids.length] ?? 0);
}
