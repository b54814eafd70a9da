/** `pith evidence`: what speaks for a circuit, measured beside random circuits of its size. */
import { relative, resolve } from "node:path";
import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import { evidenceRanges, gatherEvidence } from "../jobs/evidence/evidence.ts";
import { evidenceFileOf } from "../jobs/evidence/evidence-file.ts";
import { loadModel } from "../jobs/load-model.ts";
import { readTask } from "../jobs/read-task.ts";
import { isSame } from "../jobs/same-weights.ts";
import { evidenceReport } from "../report/terminal-evidence.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { findOriginal } from "./find-original.ts";
import { parseIn } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";
import { checkOutputFile, writeOutputFile } from "./write-output.ts";

interface Flags {
  readonly model?: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly others?: readonly string[];
  readonly random: number;
  readonly seed: number;
  readonly out?: string;
  readonly threads?: number;
  readonly json?: boolean;
  readonly force?: boolean;
}

export function evidenceCommand({ exit }: CommandContext): Command {
  return new Command("evidence")
    .summary("Measure what speaks for a circuit.")
    .description(
      "Measures what speaks for a circuit: random circuits of its size beside it, whether any single part can still go, how faithful circuits of every size along its search's ranking are (MIB's CPR and CMD), and how many different answers it gives.",
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .addOption(originalOption())
    .option("-t, --task <name|file>", "The task that it was cut for (default: known here, if built in)")
    .addOption(labelOption())
    .option(
      "--others <files...>",
      "Task files that ask the same in other words: is it right on them as well?",
    )
    .addOption(
      new Option("--random <count>", "How many random circuits of its size are drawn.")
        .default(100)
        .argParser(parseIn("--random", evidenceRanges.random)),
    )
    .addOption(
      new Option("--seed <number>", "The seed that draws them.")
        .default(0)
        .argParser(parseIn("--seed", evidenceRanges.seed)),
    )
    .option(
      "-o, --out <file>",
      "Where all figures go, as JSON (default: DIR-evidence.json beside the circuit, where pith report finds it)",
    )
    .addOption(threadsOption())
    .addOption(jsonOption())
    .addOption(forceOption("Replace the file if it exists."))
    .addHelpText("after", "\nExample:\n  $ pith evidence ioi-circuit")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(directory: string, flags: Flags, work: CommandWork): Promise<Outcome> {
  const { signal, onEvent, closing } = work;
  const force = flags.force === true;
  const out = flags.out ?? relative(process.cwd(), evidenceFileOf(directory));
  await checkOutputFile(out, force);
  const folder = await readShipped(directory, {});
  const original =
    flags.model === undefined
      ? await findOriginal(folder.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    throw new PithError("options", "the original is not at hand, and evidence is measured on it.", {
      place: { field: "--model" },
      advice: "Say where it is.",
    });
  }
  closing(original);
  if (flags.model !== undefined && !(await isSame(original, folder.circuit.model.files)))
    printNote(
      `${flags.model} has other weight files than the model that this circuit was cut from: the evidence is about another model, or another copy.`,
    );
  const task = await taskForCircuit(folder, flags, signal);
  const others = await Promise.all((flags.others ?? []).map((path) => readTask(path, { signal })));
  const { random, seed, threads } = flags;
  const evidence = await gatherEvidence(directory, {
    ...{ original, task, others, random, seed, threads, signal, onEvent },
  });
  const json = { ...evidence, folder: resolve(directory) };
  await writeOutputFile(out, `${JSON.stringify(json, undefined, 2)}\n`, force);
  return {
    json,
    report: (style) => `${evidenceReport(evidence, style)}\n\n written to ${out}; pith report shows it`,
  };
}
