/** `pith convert`: a circuit's folder in another number format. */
import { Command, Option } from "commander";
import { type Dtype, dtypePurpose, dtypes } from "../export/dtype.ts";
import { convertCircuit } from "../pipeline/convert.ts";
import { loadModel } from "../pipeline/load-model.ts";
import { conversionReport } from "../report/terminal-dtype.ts";
import { taskOf } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { findOriginal } from "./find-original.ts";
import { type Outcome, perform, type Work } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";

interface Flags {
  readonly dtype: Exclude<Dtype, "f32">;
  readonly out: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly model?: string;
  readonly threads?: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

const narrow = dtypes.filter((dtype) => dtype !== "f32");

export function convertCommand({ exit }: CommandContext): Command {
  return new Command("convert")
    .summary("Ship a circuit in a narrower number format.")
    .description(
      "Writes a circuit's folder anew with its weights in another number format, and measures what that cost.\n\n" +
        narrow.map((dtype) => `${dtype.padEnd(5)} ${dtypePurpose[dtype]}`).join("\n"),
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .addOption(
      new Option("--dtype <format>", "The weights' number format.").choices(narrow).makeOptionMandatory(),
    )
    .requiredOption("-o, --out <dir>", "Where the converted circuit goes.")
    .option("-t, --task <name|file>", "The task that the circuit was cut for (default: its own, if built in)")
    .addOption(labelOption())
    .addOption(originalOption())
    .addOption(threadsOption())
    .addOption(forceOption("Replace the folder if it exists, and accept any loss of accuracy."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith convert ioi-circuit --dtype int8 --out ioi-circuit-int8")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(directory: string, flags: Flags, { signal, onEvent, closing }: Work): Promise<Outcome> {
  const folder = await readShipped(directory);
  const task = await taskOf(folder, flags, signal);
  const original =
    flags.model === undefined
      ? await findOriginal(folder.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    printNote("The original is not at hand, so there is no KL to it; --model says where it is.");
  } else closing(original);
  const { dtype, threads, force = false } = flags;
  const conversion = await convertCircuit(directory, flags.out, {
    ...{ dtype, task, original, threads, force, signal, onEvent },
  });
  return {
    json: conversion,
    report: (style) => conversionReport(conversion.folder, conversion.circuit, style),
  };
}
