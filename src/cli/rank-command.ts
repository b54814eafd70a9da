/** `pith rank`: scores a model's components for a task, without a search. */
import { Command, Option } from "commander";
import { rankings } from "../discovery/rankings/index.ts";
import { allLosses } from "../discovery/rankings/ranking.ts";
import { PithError } from "../errors.ts";
import { defaultExtractOptions as defaults, type SearchSettings } from "../jobs/extract/extract-options.ts";
import { loadModel } from "../jobs/load-model.ts";
import { checkRankOptions, type RankedModel, type RankOptions, rank } from "../jobs/rank/rank.ts";
import { wrap } from "../report/layout.ts";
import { rankedCsv, rankingReport } from "../report/terminal-ranking.ts";
import { type GateKind, gateKinds } from "../transformer/gates.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, threadsOption } from "./common-options.ts";
import { deviceOption, parseSeed, parseTop } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { firstPositionOption, flagOf, meansOption, modelOption, valueBiasOption } from "./setting-options.ts";
import { chatOptions, labelOption, readTaskAndModel, type TaskFlags } from "./task-option.ts";
import { checkOutputFile, writeOutputFile } from "./write-output.ts";

interface Flags extends TaskFlags {
  readonly model?: string;
  readonly ranking: string;
  readonly components?: string;
  readonly metric?: NonNullable<RankOptions["loss"]>;
  readonly ablation: SearchSettings["ablation"];
  readonly valueBias: SearchSettings["valueBias"];
  readonly firstPosition?: SearchSettings["firstPosition"];
  readonly bos?: boolean;
  readonly threads?: number;
  readonly device: SearchSettings["device"];
  readonly top: number;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function rankCommand({ exit }: CommandContext): Command {
  const command = new Command("rank")
    .summary("Score every component for a task, without a search.")
    .description(
      "Estimates how much the task would lose without each head, MLP or neuron, by one of several rankings, and lists the components by that. It finds no circuit.",
    );
  for (const option of options()) command.addOption(option);
  return command
    .addHelpText("after", `\nRankings:\n${rankingSentences()}\n${example}`)
    .action(async (flags: Flags) => {
      exit(await perform((work) => run(flags, work), flags));
    });
}

/** Each ranking with its sentence, below one another. */
function rankingSentences(): string {
  const width = Math.max(...rankings.map(({ name }) => name.length)) + 4;
  return rankings
    .flatMap(({ name, estimates }) =>
      wrap(estimates, helpWidth - width).map(
        (line, at) => `${(at === 0 ? `  ${name}` : "").padEnd(width)}${line}`,
      ),
    )
    .join("\n");
}

/** The width of a terminal whose width is not known. */
const helpWidth = 80;

const example = "\nExample:\n  $ pith rank --task ioi --components heads,neurons --out scores.csv";

const options = (): readonly Option[] => [
  modelOption(),
  new Option(
    "-t, --task <name|file>",
    "A built-in task (pith tasks), or a task file, .jsonl or .csv (default: nano's indirect objects)",
  ),
  labelOption(),
  new Option("--ranking <name>", "How components are scored.")
    .choices(rankings.map(({ name }) => name))
    .default("fisher"),
  new Option(
    "--components <kinds>",
    "What is scored: heads, mlps, neurons, or several of them (default: heads,mlps; neurons for wifv)",
  ),
  new Option(
    "--metric <loss>",
    "The loss whose rise is estimated (default: kl; cross-entropy for nap and relp)",
  ).choices(allLosses),
  new Option("--ablation <kind>", "What takes a component's place: its mean output, or nothing.")
    .choices(["mean", "zero"])
    .default(defaults.ablation),
  valueBiasOption(),
  meansOption(),
  firstPositionOption(),
  new Option("--bos", "Put the beginning-of-text token before every prompt (default for acronyms)"),
  new Option("--no-bos", "Do not, for acronyms either."),
  ...chatOptions(),
  new Option("--seed <integer>", "The seed of random probes; how a task without splits is split.")
    .default(defaults.seed)
    .argParser(parseSeed),
  new Option("--top <count>", "How many components are shown.").default(20).argParser(parseTop),
  threadsOption(),
  deviceOption(),
  new Option("-o, --out <file>", "Write all scores to a file: as CSV if its name ends so, else as JSON."),
  forceOption("Replace the file if it exists."),
  jsonOption(),
];

async function run(flags: Flags, { signal, onEvent, closing }: CommandWork): Promise<Outcome> {
  const { out, force = false, ranking, metric, bos, chat } = flags;
  const components = flags.components === undefined ? undefined : parseComponents(flags.components);
  checkRankOptions({ ranking, components, loss: metric }, (option) =>
    option === "loss" ? "--metric" : flagOf(option),
  );
  if (out !== undefined) await checkOutputFile(out, force);
  const { task, model } = await readTaskAndModel(flags, () => loadModel(flags.model, { signal, onEvent }), {
    closing,
    signal,
  });
  const { ablation, valueBias, means, firstPosition, seed, threads, device } = flags;
  const ranked = await rank(model, task, {
    ...{ ranking, components, loss: metric, ablation, valueBias, means },
    ...(firstPosition !== undefined && { firstPosition }),
    ...(bos !== undefined && { bos }),
    ...(chat !== undefined && { chat }),
    ...{ seed, threads, device, signal, onEvent },
  });
  if (out !== undefined) await writeOutputFile(out, textOf(ranked, out), force);
  return { json: ranked, report: (style) => rankingReport(ranked, { top: flags.top, out }, style) };
}

function textOf(ranked: RankedModel, path: string): string {
  return path.toLowerCase().endsWith(".csv")
    ? rankedCsv(ranked)
    : `${JSON.stringify(ranked, undefined, 2)}\n`;
}

/** @throws PithError "options" for a word that is no kind of components. */
function parseComponents(text: string): readonly GateKind[] {
  return text.split(",").map((word) => {
    const kind = gateKinds.find((each) => each === word.trim());
    if (kind !== undefined) return kind;
    throw new PithError(
      "options",
      `has ${JSON.stringify(word.slice(0, 40))}, which is no kind of components.`,
      {
        place: { field: "--components" },
        advice: `Kinds are ${gateKinds.join(", ")}.`,
      },
    );
  });
}
