/**
 * The task in other words than the circuit was found on: sentences of a built-in task that its prompts do not have,
 * and files that the user gives. A circuit that reads only the positions of one sentence fails on them.
 */
import type { CircuitFolder } from "../../export/read-folder.ts";
import { otherIoiWordings } from "../../tasks/builtin/ioi.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { Task } from "../read-task.ts";
import { chooseExamples } from "../report/report-examples.ts";
import type { MissingCurve } from "./evidence-result.ts";

/** Prompts of each wording: enough to tell, and soon measured. */
const promptsOfEach = 100;

interface Wording {
  readonly name: string;
  readonly examples: readonly EncodedExample[];
}

/** @param task the circuit's own. @param others tasks that the user gives. */
export function otherWordings(
  { circuit, tokenizer }: CircuitFolder,
  task: Task,
  others: readonly Task[],
): readonly Wording[] | MissingCurve {
  const { profile } = circuit;
  const prompts = task.examples.map(({ prompt }) => prompt);
  const found = otherIoiWordings(tokenizer, prompts, {
    ...{ seed: circuit.task.seed, count: promptsOfEach },
    length: profile.kind === "aligned" ? tokenizer.encode(prompts[0] ?? "").length : undefined,
  });
  const chat = circuit.task.chat !== undefined;
  const builtin = (chat ? [] : (found ?? [])).map(
    ({ name, examples }): Task => ({ name, path: name, examples, sha256: "" }),
  );
  const wordings = [...builtin, ...others].flatMap((other) => {
    const { examples } = chooseExamples(other, tokenizer, circuit);
    return examples.length === 0 ? [] : [{ name: other.name, examples }];
  });
  if (wordings.length > 0) return wordings;
  const given = "; --others FILE gives the same task in other words.";
  return {
    missing:
      others.length > 0
        ? "No prompt of the other tasks has the number of tokens that this circuit takes."
        : found === undefined
          ? `The task has one wording, or its wordings are not known here${given}`
          : `The circuit was found on all wordings of its task that are known here and fit${given}`,
  };
}
