/** `pith sweep`: runs many thresholds, settings, seeds and tasks at once and writes tables. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { Command } from "commander";
import { checkFirstPosition } from "../discovery/check-first-position.ts";
import type { FirstPositionChoice } from "../discovery/first-position.ts";
import { PAPER_TASKS } from "../experiments/paper-settings.ts";
import { runSweep } from "../experiments/run-sweep.ts";
import { assignKnown } from "../experiments/sweep-known.ts";
import { planSweep } from "../experiments/sweep-plan.ts";
import { summarizeSweep } from "../experiments/sweep-summary.ts";
import { readSweepTasks } from "../experiments/sweep-tasks.ts";
import { journalPath } from "../files/journal.ts";
import { loadModel } from "../jobs/load-model.ts";
import { readKnown } from "../jobs/read-known.ts";
import type { KnownCircuit } from "../known/known-circuits.ts";
import { sweepReport } from "../report/terminal-sweep.ts";
import { headCountsOf } from "../transformer/component.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption } from "./common-options.ts";
import { programName, resumeCommand } from "./invocation.ts";
import { parseJobs, parseKl } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import {
  ablationsOption,
  allowWeakOption,
  allThreadsOption,
  collect,
  firstPositionOption,
  flagOf,
  jobsOption,
  meansOption,
  memoryOption,
  mlpsOption,
  modelOption,
  orderOption,
  strictOption,
  tasksOption,
  valueBiasOption,
} from "./setting-options.ts";
import { printNote } from "./streams.ts";
import { parseAlphas, parseChoices, parseSeeds } from "./sweep-values.ts";
import { chatOptions } from "./task-option.ts";

interface Flags {
  readonly model?: string;
  readonly task?: readonly string[];
  readonly alphas: string;
  readonly ablation: string;
  readonly valueBias: "removed" | "kept";
  readonly mlps: string;
  readonly seeds: string;
  readonly means: "aligned" | "pooled";
  readonly firstPosition?: FirstPositionChoice;
  readonly order: "published" | "downstream";
  readonly maxKl?: string;
  readonly bos?: boolean;
  readonly chat?: boolean;
  readonly known?: readonly string[];
  readonly out?: string;
  readonly strict?: boolean;
  readonly allowWeak?: boolean;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly jobs?: string;
  readonly threads?: number;
  readonly memory?: number;
  readonly json?: boolean;
}

export function sweepCommand({ words, exit }: CommandContext): Command {
  const [chat, noChat] = chatOptions();
  return new Command("sweep")
    .summary("Search with many thresholds at once, in every setting.")
    .description(
      "Searches with many thresholds at once, which costs far less than one search each, and measures every circuit " +
        "that comes out: with either ablation, with and without MLPs on trial, on fresh prompts for each seed.",
    )
    .addOption(modelOption())
    .addOption(tasksOption())
    .option(
      "--alphas <list>",
      "Thresholds in nats: from..to:count, the same factor apart, or a list.",
      "1e-5..1:30",
    )
    .addOption(ablationsOption())
    .addOption(valueBiasOption())
    .addOption(mlpsOption())
    .option("--seeds <list>", "How many seeds, a range as 2..4, or a list; each has prompts of its own.", "5")
    .addOption(meansOption())
    .addOption(firstPositionOption())
    .addOption(orderOption())
    .option("--max-kl <nats>", "Prune only as long as the circuit's KL stays at or below this.")
    .option("--bos", "Put the beginning-of-text token before every prompt (default for acronyms)")
    .option("--no-bos", "Do not, for acronyms either.")
    .addOption(chat)
    .addOption(noChat)
    .addOption(strictOption())
    .addOption(allowWeakOption())
    .option(
      "--known <id|file>",
      "Compare kept heads with a known circuit: a list of GPT-2 small's by name (ioi/23), or a file; again for more.",
      collect,
    )
    .option(
      "-o, --out <dir>",
      "Where sweep.csv, sweep.jsonl and sweep.json go (default: pith-out/MODEL-sweep)",
    )
    .addOption(forceOption("Replace an earlier sweep's folder, or an interrupted one's journal."))
    .option("--resume", "Go on with a sweep that was interrupted, with the same options.")
    .addOption(jobsOption())
    .addOption(allThreadsOption())
    .addOption(memoryOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ pith sweep --task ioi --alphas 1e-3..0.1:10 --ablation mean --out ioi-sweep",
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

async function run(flags: Flags, { signal, onEvent, closing }: CommandWork): Promise<Outcome> {
  const choice = {
    alphas: parseAlphas(flags.alphas),
    ablations: parseChoices("--ablation", ["mean", "zero"])(flags.ablation),
    mlps: parseChoices("--mlps", ["on", "off"])(flags.mlps).map((each) => each === "on"),
    means: flags.means,
    order: flags.order,
    valueBias: flags.valueBias,
    firstPosition: flags.firstPosition,
    ...(flags.maxKl !== undefined && { maxKl: parseKl("--max-kl")(flags.maxKl) }),
  };
  checkFirstPosition(choice, flagOf);
  const seeds = parseSeeds(flags.seeds);
  const jobs = flags.jobs === undefined ? undefined : parseJobs(flags.jobs);
  const circuits: KnownCircuit[] = [];
  for (const known of flags.known ?? []) circuits.push(await readKnown(known));

  const model = closing(await loadModel(flags.model, { signal, onEvent }));
  const tasks = await readSweepTasks(model, flags.task ?? PAPER_TASKS, {
    ...{ means: flags.means, bos: flags.bos, chat: flags.chat, seeds, signal },
  });
  const known = assignKnown(
    circuits,
    tasks.map(({ name }) => name),
    headCountsOf(model.transformer),
  );
  const plan = planSweep(tasks, { ...choice, known });
  const out = flags.out ?? join("pith-out", `${basename(model.name)}-sweep`);
  if (flags.resume === true && !existsSync(journalPath(out))) {
    printNote(`There is no interrupted sweep for ${out}: this one starts anew.`);
  }
  const outcome = await runSweep(model, plan, {
    ...{ out, jobs, threads: flags.threads, memory: flags.memory, force: flags.force, resume: flags.resume },
    ...{ strict: flags.strict, allowWeak: flags.allowWeak },
    ...{ signal, onEvent },
  });
  const { rows, ...rest } = outcome;
  return {
    json: { ...rest, rows: rows.length, notes: plan.notes, settings: summarizeSweep(rows) },
    report: (style) => sweepReport(outcome, plan.notes, style),
  };
}
