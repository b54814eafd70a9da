/** `pith extract`: from a model and a task to a circuit's folder. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { Command, Option } from "commander";
import { extract } from "../pipeline/extract.ts";
import { defaultExtractOptions as defaults, type ExtractOptions } from "../pipeline/extract-options.ts";
import { journalPath } from "../pipeline/journal.ts";
import { loadModel } from "../pipeline/load-model.ts";
import { readTask } from "../pipeline/read-task.ts";
import { extractionReport } from "../report/terminal-summary.ts";
import type { CommandContext } from "./command-context.ts";
import { commandLine, programName, resumeCommand } from "./invocation.ts";
import { parseAlpha, parseSeed, parseThreads } from "./option-values.ts";
import { type Outcome, perform, type Work } from "./perform.ts";
import { printNote } from "./streams.ts";

type SearchOptions = Pick<
  Required<ExtractOptions>,
  "alpha" | "ablation" | "mlps" | "means" | "order" | "seed"
>;

interface Flags extends SearchOptions {
  readonly model?: string;
  readonly task?: string;
  readonly threads?: number;
  readonly out?: string;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly bos?: boolean;
  readonly json?: boolean;
}

export function extractCommand({ words, exit }: CommandContext): Command {
  return new Command("extract")
    .summary("Find a task's circuit and write it as a model of its own.")
    .description(
      "Finds the attention heads and MLPs that a task needs, removes all others, and writes what is left as a " +
        "model of its own. Without options it does so for a small model and a task that come with Pith.",
    )
    .option(
      "-m, --model <dir|name>",
      "A folder with a GPT-2 checkpoint, or its name on the Hugging Face hub (default: nano)",
    )
    .option("-t, --task <file>", "The task, one JSON object a line (default: nano's indirect objects)")
    .addOption(
      new Option(
        "-a, --alpha <number>",
        "Prune a component if the KL divergence grows by less than this, in nats.",
      )
        .default(defaults.alpha)
        .argParser(parseAlpha),
    )
    .addOption(
      new Option("--ablation <kind>", "What takes a pruned component's place: its mean output, or nothing.")
        .choices(["mean", "zero"])
        .default(defaults.ablation),
    )
    .option("--no-mlps", "Leave every MLP in; only heads are tried.")
    .addOption(
      new Option(
        "--means <kind>",
        "A mean for each position, of prompts of one length; or one mean, for any length.",
      )
        .choices(["aligned", "pooled"])
        .default(defaults.means),
    )
    .addOption(
      new Option(
        "--order <order>",
        "Try a layer's heads before its MLP, as the paper's code does; or after it.",
      )
        .choices(["published", "downstream"])
        .default(defaults.order),
    )
    .option("--bos", "Put the beginning-of-text token before every prompt.")
    .addOption(
      new Option("--seed <integer>", "How a task without splits is split.")
        .default(defaults.seed)
        .argParser(parseSeed),
    )
    .addOption(
      new Option("--threads <count>", "How many threads compute (default: one for each core)").argParser(
        parseThreads,
      ),
    )
    .option("-o, --out <dir>", "Where the circuit goes (default: pith-out/MODEL-TASK)")
    .option("--force", "Replace the folder if it exists.")
    .option("--resume", "Go on with a search that was interrupted, with the same options.")
    .option("--json", "Print one JSON object on stdout, instead of the report.")
    .addHelpText(
      "after",
      "\nExample:\n  $ pith extract --model openai-community/gpt2 --task ioi.jsonl --alpha 0.02 --out ioi-circuit",
    )
    .action(async (flags: Flags) => {
      const resume = resumeCommand(programName(process.argv[1]), words);
      exit(
        await perform((work) => run(flags, work), {
          ...flags,
          afterInterruption: `go on with:\n  ${resume}`,
        }),
      );
    });
}

async function run(flags: Flags, { signal, onEvent, closing }: Work): Promise<Outcome> {
  const threads = flags.threads ?? availableParallelism();
  const task = await readTask(flags.task);
  const model = closing(await loadModel(flags.model, { signal, onEvent }));
  const out = flags.out ?? join("pith-out", `${basename(model.name)}-${task.name}`);
  if (flags.resume === true && !existsSync(journalPath(out)))
    printNote(`There is no interrupted search for ${out}: this one starts anew.`);
  const { alpha, ablation, mlps, means, order, seed } = flags;
  const extraction = await extract(model, task, out, {
    ...{ alpha, ablation, mlps, means, order, seed, threads },
    bos: flags.bos ?? defaults.bos,
    force: flags.force ?? defaults.force,
    resume: flags.resume ?? defaults.resume,
    signal,
    onEvent,
  });
  const example = task.examples.find(({ split }) => split === "test") ?? task.examples[0];
  const next = commandLine(programName(process.argv[1]), ["run", out, "--prompt", example?.prompt ?? ""]);
  return {
    json: extraction,
    report: (style) => extractionReport(extraction, { threads, next }, style),
  };
}
