/** `pith eval`: how well a circuit does a task, and how far it is from its original. */
import { Command, Option } from "commander";
import { hashFile } from "../checkpoint/hash.ts";
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { loadCircuit } from "../pipeline/load-circuit.ts";
import { loadModel } from "../pipeline/load-model.ts";
import { readTask, type Task } from "../pipeline/read-task.ts";
import { evaluationReport } from "../report/terminal-summary.ts";
import type { CommandContext } from "./command-context.ts";
import { findOriginal, isSame } from "./find-original.ts";
import { parseThreads } from "./option-values.ts";
import { type Outcome, perform, type Work } from "./perform.ts";
import { printNote } from "./streams.ts";

interface Flags {
  readonly task?: string;
  readonly model?: string;
  readonly threads?: number;
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
      "-t, --task <file>",
      "The task, one JSON object a line (default: the demo's, for the demo's circuit)",
    )
    .option(
      "-m, --model <dir|name>",
      "The original, to compare with (default: the model it was cut from, if on this machine)",
    )
    .addOption(
      new Option("--threads <count>", "How many threads compute (default: one for each core)").argParser(
        parseThreads,
      ),
    )
    .option("--json", "Print one JSON object on stdout, instead of the report.")
    .addHelpText(
      "after",
      "\nExample:\n  $ pith eval ioi-circuit --task ioi-other-names.jsonl --model openai-community/gpt2",
    )
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(directory: string, flags: Flags, { signal, onEvent, closing }: Work): Promise<Outcome> {
  const circuit = closing(
    await loadCircuit(directory, flags.threads === undefined ? {} : { threads: flags.threads }),
  );
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
  const task = await taskOf(circuit.circuit, flags.task);
  const evaluation = await circuit.evaluate(task, { ...(original && { original }), signal, onEvent });
  const { parameters, bytes } = circuit.circuit.metrics;
  return {
    json: { directory, task: task.path, ...evaluation, parameters, bytes },
    report: (style) =>
      evaluationReport({ directory, task: task.name, circuit: circuit.circuit }, evaluation, style),
  };
}

/** @throws PithError "options" where none is given and the circuit is not of the task that comes with Pith. */
async function taskOf({ task }: CircuitFile, path: string | undefined): Promise<Task> {
  const found = await readTask(path);
  if (path !== undefined || (await hashFile(found.path, { code: "task" })) === task.sha256) return found;
  throw new PithError(
    "options",
    `this circuit was cut for the task "${task.name}", whose file is not known here.`,
    {
      place: { field: "--task" },
      advice: "Say which task file to measure it on.",
    },
  );
}
