/** `pith compile`: specialises a circuit to the words of its task. */
import { Command, Option } from "commander";
import { type Dtype, dtypes } from "../export/dtype.ts";
import { compileFolder } from "../jobs/compile/compile.ts";
import { loadModel } from "../jobs/load-model.ts";
import { readTask } from "../jobs/read-task.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import { compilationReport } from "../report/terminal-compiled.ts";
import { withCircuitJson } from "./circuit-json-output.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { findOriginal } from "./find-original.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";

interface Flags {
  readonly out?: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly vocabulary?: string;
  readonly model?: string;
  readonly target: OperatorSet;
  readonly dtype: Dtype;
  readonly threads?: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function compileCommand({ exit }: CommandContext): Command {
  return new Command("compile")
    .summary("Specialise a circuit to the words of its task.")
    .description(
      "Writes a circuit anew for the words that its task uses: whatever depends on a word and its place alone becomes " +
        "a table, and only the task's answers are scored. It refuses all other words.",
    )
    .argument("<dir>", "The folder that `pith extract` wrote, of prompts of one length.")
    .option("-o, --out <dir>", "Where the compiled circuit goes (default: DIR-compiled)")
    .option(
      "-t, --task <name|file>",
      "Whose prompts and answers it is to take (default: the circuit's own, if built in)",
    )
    .addOption(labelOption())
    .option("--vocabulary <file>", "More prompts, as a task file, whose words it is to take.")
    .addOption(originalOption())
    .addOption(targetOption())
    .addOption(
      new Option("--dtype <format>", "The weights' number format; what a narrower one costs is measured.")
        .choices(dtypes)
        .default("f32"),
    )
    .addOption(threadsOption())
    .addOption(forceOption("Replace the folder if it exists, and accept what a narrower format loses."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith compile ioi-circuit --task ioi.jsonl --out ioi-compiled")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

/** `--target`: the operators that a graph may use. */
export function targetOption(): Option {
  return new Option(
    "--target <operators>",
    "Standard ONNX operators, which any runtime has; or ONNX Runtime's own where they are faster.",
  )
    .choices(["portable", "onnxruntime"])
    .default("portable");
}

async function run(
  directory: string,
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const folder = await readShipped(directory);
  const task = await taskForCircuit(folder, flags, signal);
  const vocabulary =
    flags.vocabulary === undefined ? undefined : await readTask(flags.vocabulary, { signal });
  const original =
    flags.model === undefined
      ? await findOriginal(folder.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    printNote(
      "The original is not at hand: the result is verified against the circuit alone. --model says where it is.",
    );
  } else closing(original);
  const { target, dtype, threads, force = false } = flags;
  const out = flags.out ?? `${directory.replace(/[/\\]+$/, "")}-compiled`;
  const compilation = await compileFolder(directory, out, {
    ...{ task, vocabulary, original, target, dtype, threads, force, signal, onEvent },
  });
  return {
    json: withCircuitJson(compilation),
    report: (style) => compilationReport(compilation.folder, compilation.circuit, style),
  };
}
