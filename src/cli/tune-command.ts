/** `pith tune`: fits the constants of a circuit, into a folder of its own or in its place. */
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { defaultFitNumbers, type FitNumbers, fitRanges } from "../discovery/fitted/fit-options.ts";
import { PithError } from "../errors.ts";
import type { Dtype } from "../export/dtype.ts";
import { rememberOriginal } from "../jobs/known-originals.ts";
import { loadModel } from "../jobs/load-model.ts";
import { tuneCircuit } from "../jobs/tune/tune.ts";
import { circuitReport } from "../report/terminal-summary.ts";
import { withCircuitJson } from "./circuit-json-output.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { formatsOf, shippedDtypesOption } from "./dtype-options.ts";
import { findOriginal } from "./find-original.ts";
import { parseIn } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { labelOption } from "./task-option.ts";

interface Flags extends FitNumbers {
  readonly task?: string;
  readonly label?: readonly string[];
  readonly model?: string;
  readonly dtype: readonly Dtype[];
  readonly threads?: number;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function tuneCommand({ exit }: CommandContext): Command {
  return new Command("tune")
    .summary("Fit the constants of a circuit: closer to the original, at the same size.")
    .description(
      "Fits one vector before each remaining reader of a circuit, in the place of the means of what was pruned, by the KL to the original on the patching and validation prompts; a fifth of them is held back to stop on. The circuit gets closer to the original at the same size. It is then a good model, and no evidence of a mechanism: both KLs are kept and shown.",
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .option("-t, --task <name|file>", "The task that the circuit was cut for (default: its own, if built in)")
    .addOption(labelOption())
    .addOption(originalOption())
    .addOption(numberOption("--steps <count>", "How many steps of Adam are taken at most.", "steps"))
    .addOption(numberOption("--batch <prompts>", "How many prompts a step sees.", "batch"))
    .addOption(numberOption("--rate <number>", "Adam's learning rate, which falls to 0.", "rate"))
    .addOption(numberOption("--seed <number>", "For the order of prompts.", "seed"))
    .addOption(shippedDtypesOption())
    .addOption(threadsOption())
    .option("-o, --out <dir>", "Where the tuned circuit goes (default: DIR-tuned)")
    .addOption(forceOption("Replace the folder if it exists, and accept what a narrower format loses."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith tune ioi-circuit --out ioi-tuned")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

function numberOption(flags: string, text: string, field: keyof FitNumbers): Option {
  const [name = ""] = flags.split(" ");
  return new Option(flags, text).argParser(parseIn(name, fitRanges[field])).default(defaultFitNumbers[field]);
}

async function run(
  directory: string,
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const folder = await readShipped(directory);
  const { circuit } = folder;
  const original =
    flags.model === undefined
      ? await findOriginal(circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    const message = `the model that this circuit was cut from (${circuit.model.name}) is not at hand.`;
    const advice = "Say where it is: the constants are fitted to it.";
    throw new PithError("options", message, { place: { field: "--model" }, advice });
  }
  closing(original);
  const task = await taskForCircuit(folder, flags, signal);
  const { steps, batch, rate, seed, threads, force = false } = flags;
  const tuned = await tuneCircuit(directory, flags.out ?? `${resolve(directory)}-tuned`, {
    ...{ original, task, steps, batch, rate, seed, threads, force, signal, onEvent },
    ...formatsOf(flags.dtype),
  });
  await rememberOriginal(original, tuned.circuit.model.files);
  return {
    json: withCircuitJson(tuned),
    report: (style) => circuitReport(tuned.folder, tuned.circuit, style),
  };
}
