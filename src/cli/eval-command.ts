/** `pith eval`: how well a circuit does a task, and how far it is from its original. */

import { resolve } from "node:path";
import { Command } from "commander";
import type { Dtype } from "../export/dtype.ts";
import { mainDtype } from "../export/formats.ts";
import type { SearchSettings } from "../jobs/extract/extract-options.ts";
import { loadCircuit } from "../jobs/load-circuit.ts";
import { loadModel } from "../jobs/load-model.ts";
import { isSame } from "../jobs/same-weights.ts";
import { evaluationReport } from "../report/terminal-summary.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { openedDtypeOption } from "./dtype-options.ts";
import { findOriginal } from "./find-original.ts";
import { deviceOption } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { noteOpened } from "./read-shipped.ts";
import { countSeen, seenNote } from "./seen-prompts.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";

interface Flags {
  readonly task?: string;
  readonly label?: readonly string[];
  readonly model?: string;
  readonly threads?: number;
  readonly device: SearchSettings["device"];
  readonly dtype?: Dtype;
  readonly json?: boolean;
}

export function evalCommand({ exit }: CommandContext): Command {
  return new Command("eval")
    .summary("Measure a circuit on a task.")
    .description(
      "Measures a circuit's accuracy on a task, and its divergence from the original where that is at hand.",
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .option(
      "-t, --task <name|file>",
      "A built-in task (pith tasks), or a task file, .jsonl or .csv (default: its own, if built in)",
    )
    .addOption(labelOption())
    .addOption(originalOption("The original, to compare with"))
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(openedDtypeOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ pith eval ioi-circuit --task other-names.jsonl --model gpt2-folder",
    )
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(
  directory: string,
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const circuit = closing(await loadCircuit(directory, flags));
  noteOpened(circuit);
  const original =
    flags.model === undefined
      ? await findOriginal(circuit.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined)
    printNote("The original is not at hand, so there is no KL; --model says where it is.");
  else if (flags.model !== undefined && !(await isSame(closing(original), circuit.circuit.model.files)))
    printNote(
      `${flags.model} has other weight files than the model that this circuit was cut from: the KL is to another model, or to another copy.`,
    );
  else closing(original);
  const task = await taskForCircuit(circuit, flags, signal);
  const overlap = await countSeen(circuit, task);
  const note = overlap && seenNote(overlap, task, circuit.circuit.task.name);
  if (note !== undefined) printNote(note);
  const evaluation = await circuit.evaluate(task, { ...(original && { original }), signal, onEvent });
  const { parameters, bytes } = circuit.circuit.metrics;
  return {
    json: {
      ...{
        folder: resolve(directory),
        dtype: mainDtype(circuit.circuit),
        task: task.path,
        ...evaluation,
        parameters,
        bytes,
      },
      // For another task than the circuit's own; null if it is not known.
      ...(overlap && { seenPrompts: overlap.seen ?? null }),
    },
    report: (style) =>
      evaluationReport({ directory, task: task.name, circuit: circuit.circuit }, evaluation, style),
  };
}
