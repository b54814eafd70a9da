/** `pith bench`: how fast a circuit is compared with its original, and how fast it could be. */

import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import type { Dtype } from "../export/dtype.ts";
import { readCircuitFolder } from "../export/read-folder.ts";
import { bench } from "../jobs/bench/bench.ts";
import { type Alternative, alternatives } from "../jobs/bench/bench-competitors.ts";
import type { SearchSettings } from "../jobs/extract/extract-options.ts";
import { loadModel } from "../jobs/load-model.ts";
import type { Task } from "../jobs/read-task.ts";
import { isSame } from "../jobs/same-weights.ts";
import { quote } from "../printable.ts";
import { benchReport } from "../report/terminal-bench.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { openedDtypeOption } from "./dtype-options.ts";
import { findOriginal } from "./find-original.ts";
import { deviceOption, parseRuns } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";
import { checkOutputFile, writeOutputFile } from "./write-output.ts";

interface Flags {
  readonly model?: string;
  readonly task?: string;
  readonly against?: readonly Alternative[];
  readonly threads?: number;
  readonly device: SearchSettings["device"];
  readonly runs?: number;
  readonly chart?: string;
  readonly force?: boolean;
  readonly dtype?: Dtype;
  readonly json?: boolean;
}

export function benchCommand({ exit }: CommandContext): Command {
  return new Command("bench")
    .summary("Measure how fast a circuit is beside its original.")
    .description(
      "Runs a circuit and its original in turns, through the same engine, with the same threads and prompts, and " +
        "tells how fast each is, what that is of what the machine can do, and what each takes to load.",
    )
    .argument("<dirs...>", "Circuit folders that take the same prompts, as `pith extract` wrote them.")
    .addOption(originalOption())
    .option(
      "-t, --task <name|file>",
      "Where the prompts come from (default: the circuit's own, if built in; else random tokens)",
    )
    .addOption(
      new Option(
        "--against <list>",
        "What else to run, with commas between: int8, transformers.js",
      ).argParser(parseAgainst),
    )
    .addOption(threadsOption("one for each core"))
    .addOption(deviceOption())
    .addOption(
      new Option(
        "--runs <count>",
        "Runs of each that are counted (default: 200, or what fits into seconds)",
      ).argParser(parseRuns),
    )
    .option("--chart <file>", "Write a bar chart there, as SVG.")
    .addOption(openedDtypeOption())
    .addOption(jsonOption("the table"))
    .addOption(forceOption("Replace the chart if it exists."))
    .addHelpText(
      "after",
      "\nExample:\n  $ pith bench ioi-circuit --against int8,transformers.js --chart ioi.svg",
    )
    .action(async (directories: readonly string[], flags: Flags) => {
      exit(await perform((work) => run(directories, flags, work), flags));
    });
}

async function run(
  directories: readonly string[],
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const { against, threads, device, runs, force = false } = flags;
  if (flags.chart !== undefined) await checkOutputFile(flags.chart, force);
  const folder = await readShipped(directories[0] ?? "", flags);
  const original =
    flags.model === undefined
      ? await findOriginal(folder.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    throw new PithError(
      "options",
      `${folder.circuit.model.name}, which this circuit was cut from, is not at hand.`,
      {
        place: { field: "--model" },
        advice: "Say where it is.",
      },
    );
  }
  closing(original);
  for (const directory of directories) {
    if (await isSame(original, (await readCircuitFolder(directory)).circuit.model.files)) continue;
    printNote(
      `${original.name} has other weights than the model that ${directory} was cut from: times compare shapes, not these two.`,
    );
  }
  const task = await taskOrNone(folder, flags);
  const result = await bench(directories, {
    ...{ original, task, threads, device, runs, dtype: flags.dtype, signal, onEvent },
    ...(against && { against }),
  });
  if (flags.chart !== undefined) {
    // Loaded only if there is something to draw.
    const { parseHTML } = await import("linkedom");
    const { benchChart } = await import("../report/charts/bench-chart.ts");
    const { fileTheme } = await import("../report/charts/theme.ts");
    const { document } = parseHTML("<!doctype html><body></body>");
    await writeOutputFile(flags.chart, benchChart(result, { document, theme: fileTheme }), force);
  }
  return { json: result, report: (style) => benchReport(result, style) };
}

/** The time does not depend on the tokens: if the task is not available, any tokens are used. */
async function taskOrNone(
  folder: Parameters<typeof taskForCircuit>[0],
  flags: Flags,
): Promise<Task | undefined> {
  if (flags.task !== undefined) return taskForCircuit(folder, flags);
  return taskForCircuit(folder, flags).catch(() => undefined);
}

/** @throws PithError "options" for an unknown name. */
function parseAgainst(text: string): readonly Alternative[] {
  return text.split(",").map((word) => {
    const found = alternatives.find((each) => each === word.trim());
    if (found !== undefined) return found;
    throw new PithError("options", `there is no ${quote(word)}.`, {
      place: { field: "--against" },
      advice: `There are ${alternatives.join(" and ")}.`,
    });
  });
}
