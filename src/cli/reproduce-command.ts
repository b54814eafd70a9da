/** `pith reproduce`: the paper's tables and figures, measured on a model. */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { Command, Option } from "commander";
import { checkFirstPosition } from "../discovery/check-first-position.ts";
import type { FirstPositionChoice } from "../discovery/first-position.ts";
import { type ReproductionRun, reproduce } from "../experiments/reproduce.ts";
import { journalPath } from "../files/journal.ts";
import { packageVersion } from "../files/package-files.ts";
import {
  type DistillNumbers,
  defaultDistillOptions,
  distillRanges,
} from "../jobs/distill/distill-options.ts";
import { loadModel } from "../jobs/load-model.ts";
import { readKnown } from "../jobs/read-known.ts";
import type { KnownCircuit } from "../known/known-circuits.ts";
import { plural } from "../report/format.ts";
import type { RunFacts } from "../report/reproduction/page.ts";
import { reproductionReport } from "../report/terminal-reproduce.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption } from "./common-options.ts";
import { commandLine, programName, resumeCommand } from "./invocation.ts";
import { parseIn, parseJobs, parseThreshold } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { checkTasks, defaultTasks, full, parseBudget, perTask, quick } from "./reproduce-options.ts";
import {
  ablationsOption,
  allowWeakOption,
  allThreadsOption,
  firstPositionOption,
  flagOf,
  jobsOption,
  meansOption,
  mlpsOption,
  modelOption,
  strictOption,
  tasksOption,
  valueBiasOption,
} from "./setting-options.ts";
import { printNote } from "./streams.ts";
import { parseAlphas, parseChoices, parseSeeds } from "./sweep-values.ts";

interface Flags {
  readonly model?: string;
  readonly task?: readonly string[];
  readonly seeds?: string;
  readonly alphas?: string;
  readonly tableAlpha?: ReadonlyMap<string, string>;
  readonly ablation: string;
  readonly valueBias: "removed" | "kept";
  readonly mlps: string;
  readonly means: "aligned" | "pooled";
  readonly firstPosition?: FirstPositionChoice;
  readonly known?: ReadonlyMap<string, string>;
  readonly published?: boolean;
  readonly timingBudget?: number;
  readonly students?: number | true;
  readonly jobs?: string;
  readonly threads?: number;
  readonly quick?: boolean;
  readonly out?: string;
  readonly strict?: boolean;
  readonly allowWeak?: boolean;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function reproduceCommand({ words, exit }: CommandContext): Command {
  return new Command("reproduce")
    .summary("Make the paper's tables and figures with a model.")
    .description(
      "Runs the paper's experiments on a model: three tasks, mean and zero ablation, heads with and without MLPs, 30 thresholds, five runs each. Makes Tables 1 to 3 (2 with --students) and Figures 2 to 9 as CSV, SVG and one HTML report, with the paper's own values beside them where the model is GPT-2 small.",
    )
    .addOption(modelOption())
    .addOption(tasksOption())
    .option("--seeds <list>", "How many runs, a range as 2..4, or a list of seeds (default: 5)")
    .option(
      "--alphas <list>",
      "The figures' thresholds in nats: from..to:count, the same factor apart, or a list (default: 1e-5..1:30, greater-than 1e-5..10:30)",
    )
    .addOption(
      new Option(
        "--table-alpha <task=number>",
        "A threshold of your choice for the tables, beside the paper's; again for more tasks.",
      ).argParser(perTask("--table-alpha", "ioi=0.02")),
    )
    .addOption(ablationsOption())
    .addOption(valueBiasOption())
    .addOption(mlpsOption())
    .addOption(meansOption())
    .addOption(firstPositionOption())
    .addOption(
      new Option(
        "--known <task=id|file>",
        "A known circuit to compare with: ioi=ioi/26, or a file of heads; again for more tasks.",
      ).argParser(perTask("--known", "ioi=ioi/26")),
    )
    .option("--published", "Show the paper's values whatever the model (default: for GPT-2 small's shape)")
    .option("--no-published", "Never show them.")
    .addOption(
      new Option(
        "--timing-budget <ms>",
        `For timing each of the tables' circuits (default: ${full.timingBudget})`,
      ).argParser(parseBudget),
    )
    .addOption(
      new Option(
        "--students [epochs]",
        `Make Table 2 too: train a student for each circuit of the tables (default: at most ${defaultDistillOptions.epochs} epochs)`,
      ).argParser(parseIn("--students", distillRanges.epochs)),
    )
    .addOption(jobsOption())
    .addOption(allThreadsOption())
    .option("--quick", `A first look: ${quick.seeds} runs, ${quick.alphas.length} thresholds.`)
    .addOption(strictOption())
    .addOption(allowWeakOption())
    .option("-o, --out <dir>", "Where everything goes (default: pith-out/MODEL-paper)")
    .addOption(forceOption("Replace the folder if it exists."))
    .option("--resume", "Go on with a run that was interrupted, with the same options.")
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith reproduce --model openai-community/gpt2 --out gpt2-paper")
    .action(async (flags: Flags) => {
      const program = programName(process.argv[1]);
      exit(
        await perform((work) => run(flags, commandLine("pith", words), work), {
          ...flags,
          afterInterruption: `go on with:\n  ${resumeCommand(program, words)}`,
        }),
      );
    });
}

async function run(
  flags: Flags,
  command: string,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const defaults = flags.quick === true ? quick : full;
  const seeds = parseSeeds(flags.seeds ?? String(defaults.seeds));
  const alphas = flags.alphas === undefined ? defaults.alphas : sorted(parseAlphas(flags.alphas));
  // Thresholds that the user gives are used for all tasks.
  const alphasOf = new Map(
    flags.alphas === undefined
      ? [...defaults.alphasOf].filter(([task]) => tasksOf(flags).includes(task))
      : [],
  );
  const ablations = parseChoices("--ablation", ["mean", "zero"])(flags.ablation);
  checkFirstPosition({ firstPosition: flags.firstPosition, means: flags.means, ablations }, flagOf);
  const mlps = parseChoices("--mlps", ["on", "off"])(flags.mlps).map((each) => each === "on");
  const jobs = flags.jobs === undefined ? undefined : parseJobs(flags.jobs);
  const tasks = tasksOf(flags);
  const names = tasks.map((task) => basename(task).replace(/\.(jsonl|csv)$/i, ""));
  const chosen = new Map([...(flags.tableAlpha ?? [])].map(([task, text]) => [task, parseTableAlpha(text)]));
  checkTasks("--table-alpha", chosen, names);
  checkTasks("--known", flags.known ?? new Map(), names);
  const known = new Map<string, KnownCircuit>();
  for (const [task, text] of flags.known ?? []) known.set(task, await readKnown(text));
  const model = closing(await loadModel(flags.model, { signal, onEvent }));
  const out = flags.out ?? join("pith-out", `${basename(model.name)}-paper`);
  if (flags.resume === true && !existsSync(journalPath(out))) {
    printNote(`There is no interrupted run for ${out}: this one starts anew.`);
  }
  const factsOf = (each: ReproductionRun) =>
    runFacts(each, { command, seeds, alphas, alphasOf: [...alphasOf] });
  // The drawing library takes a quarter of a second to load, so other commands do not load it.
  const { parseHTML } = await import("linkedom");
  const { reproductionFiles } = await import("../report/reproduction/files.ts");
  const ended = await reproduce(model, {
    ...{ out, tasks, seeds, alphas, alphasOf, ablations, mlps, chosen, known, signal, onEvent },
    means: flags.means,
    valueBias: flags.valueBias,
    firstPosition: flags.firstPosition,
    published: flags.published,
    timingBudget: flags.timingBudget ?? defaults.timingBudget,
    students: flags.students === undefined ? undefined : studentNumbers(flags.students),
    ...{ jobs, threads: flags.threads, force: flags.force, resume: flags.resume },
    ...{ strict: flags.strict, allowWeak: flags.allowWeak },
    render(each) {
      const { document } = parseHTML("<!doctype html><html><body></body></html>");
      const files = reproductionFiles(each.reproduction, factsOf(each), document);
      return {
        ...Object.fromEntries(files),
        "reproduction.json": `${JSON.stringify(summary(each, factsOf(each)), undefined, 2)}\n`,
      };
    },
  });
  const facts = factsOf(ended);
  return {
    json: { folder: ended.outcome.folder, ...summary(ended, facts) },
    report: (style) => reproductionReport(ended.reproduction, facts, ended.outcome.folder ?? out, style),
  };
}

/** Whoever asks for the paper's 20,000 epochs wants them all. */
const studentNumbers = (epochs: number | true): Partial<DistillNumbers> =>
  epochs === true ? {} : { epochs, patience: Math.max(epochs, 1) };

const parseTableAlpha = parseThreshold("--table-alpha");

const tasksOf = ({ task }: Flags) => [...new Set(task ?? defaultTasks)];

const sorted = (alphas: readonly number[]) => [...new Set(alphas)].sort((a, b) => a - b);

function runFacts(
  { plan, outcome, timingSeconds }: ReproductionRun,
  { command, seeds, alphas, alphasOf }: Pick<RunFacts, "command" | "seeds" | "alphas" | "alphasOf">,
): RunFacts {
  const { units, resumedUnits } = outcome;
  const [processor] = cpus();
  const resumed =
    resumedUnits === 0
      ? []
      : [
          `${resumedUnits} of ${units.length} searches were found by an earlier run: the time is of the rest.`,
        ];
  return {
    version: packageVersion(),
    ...{ command, seeds, alphas, alphasOf, timingSeconds },
    evaluations: units.reduce((sum, unit) => sum + unit.evaluations, 0),
    separately: units.reduce((sum, unit) => sum + unit.separately, 0),
    sweepSeconds: outcome.seconds,
    machine: `${cpus().length} × ${processor?.model.trim() ?? "processor"}, Node ${process.version}, ${plural(outcome.share.jobs, "job")} of ${plural(outcome.share.threads, "thread")}`,
    prompts: [...new Map(plan.units.map(({ task, encoded }) => [task, encoded]))].map(([task, encoded]) => ({
      task,
      patching: encoded.patching.length,
      validation: encoded.validation.length,
      test: encoded.test.length,
    })),
    notes: [...plan.notes, ...resumed],
  };
}

/** The output for scripts: the tables, the areas, and how they were measured. */
function summary({ reproduction }: ReproductionRun, facts: RunFacts): object {
  const { model, table, chosen, publishedTable, students, publishedStudents, roc } = reproduction;
  const areas = [...roc].flatMap(([ablation, panels]) =>
    panels.flatMap(({ task, ours, published }) =>
      [ours, published].flatMap((curves) =>
        curves === undefined
          ? []
          : [
              {
                ...{ task, ablation, source: curves === published ? "published" : "pith" },
                ...{ known: curves.known, auc: curves.area, aucWithoutEnds: curves.publishedArea },
              },
            ],
      ),
    ),
  );
  return {
    format: "pith.reproduction/1",
    model,
    table,
    chosen,
    published: publishedTable,
    students,
    publishedStudents,
    areas,
    facts,
  };
}
