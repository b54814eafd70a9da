/**
 * `pith tasks`: lists the built-in tasks, shows one, or a task file, as a model's tokenizer sees it, and writes one
 * as a task file.
 */
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { makeFolders } from "../files/make-folders.ts";
import { loadModel } from "../jobs/load-model.ts";
import { preflight } from "../jobs/preflight/preflight.ts";
import { templateFor } from "../jobs/prompts.ts";
import { fitsTurn, readTask } from "../jobs/read-task.ts";
import { builtinTasksReport, taskReport } from "../report/terminal-tasks.ts";
import { type DescribedTask, describeTask } from "../tasks/builtin/describe-task.ts";
import { type AnyTaskOptions, BUILTIN_TASKS, buildTask, isBuiltinTask } from "../tasks/builtin/index.ts";
import { formatTaskCsv, formatTaskFile } from "../tasks/format-task-file.ts";
import { splitExamples } from "../tasks/split.ts";
import type { CommandContext } from "./command-context.ts";
import { jsonOption } from "./common-options.ts";
import { parseSeed } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";

const nameOrders = { BABA: ["BABA"], ABBA: ["ABBA"], both: ["BABA", "ABBA"] } as const;
const optionOwners: readonly (readonly [flag: string, tasks: readonly string[]])[] = [
  ["templates", ["ioi"]],
  ["orders", ["ioi"]],
  ["means", ["ioi", "capitals"]],
  ["letter", ["acronyms"]],
  ["digit", ["greater-than"]],
];
const splitNames = ["patching", "validation", "test"] as const;
const letters = { "1": 1, "2": 2, "3": 3 } as const;

interface Flags {
  readonly model?: string;
  readonly seed: number;
  readonly templates: "paper" | "varied";
  readonly orders: keyof typeof nameOrders;
  readonly letter: "1" | "2" | "3";
  readonly means: "aligned" | "pooled";
  readonly digit?: "ones" | "tens";
  readonly chat?: boolean;
  readonly json?: boolean;
}

export function tasksCommand({ exit }: CommandContext): Command {
  const tasks = new Command("tasks")
    .summary("List the built-in tasks, show one, or write its task file.")
    .description("The paper's three tasks and others of the field, for any model's tokenizer.")
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith tasks write ioi my-ioi.jsonl --model openai-community/gpt2")
    .action(async (flags: Pick<Flags, "json">) => {
      exit(await perform(async () => list(), flags));
    });
  const show = new Command("show")
    .description(
      "Prints samples with token boundaries, how many words survived the tokenizer, and how often a model that is named is right.",
    )
    .argument("<task>", `One of ${BUILTIN_TASKS.map(({ name }) => name).join(", ")}; or a task file.`)
    .option("--chat", "Put the prompts through the model's chat template, and show what it sees.")
    .action(async (name: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      exit(await perform((work) => showTask(name, ownOptions(name, command), work), flags));
    });
  const write = new Command("write")
    .description("Writes the task as a task file, to use or to change.")
    .argument("<task>", `One of ${BUILTIN_TASKS.map(({ name }) => name).join(", ")}.`)
    .argument(
      "<file>",
      "The file to make, as CSV if its name ends so; it must not exist. Folders above it are made.",
    )
    .action(async (name: string, file: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      exit(await perform((work) => writeTask(name, file, ownOptions(name, command), work), flags));
    });
  for (const command of [show, write])
    tasks.addCommand(withTaskOptions(command).copyInheritedSettings(tasks));
  return tasks;
}

function withTaskOptions(command: Command): Command {
  return command
    .option(
      "-m, --model <dir|name>",
      "Whose tokenizer decides which words serve: a folder, a GGUF file or a hub name (default: nano)",
    )
    .addOption(new Option("--seed <number>", "Which prompts are drawn.").default(0).argParser(parseSeed))
    .addOption(
      new Option("--templates <kind>", "ioi: the paper's one sentence, or fifteen of our own.")
        .choices(["paper", "varied"])
        .default("paper"),
    )
    .addOption(
      new Option(
        "--orders <order>",
        "ioi: who stands first, the giver (BABA, as published), the receiver (ABBA), or either.",
      )
        .choices(Object.keys(nameOrders))
        .default("BABA"),
    )
    .addOption(
      new Option("--letter <number>", "acronyms: which letter is asked for.")
        .choices(["1", "2", "3"])
        .default("3"),
    )
    .addOption(
      new Option(
        "--means <kind>",
        "ioi with varied templates, capitals: whether prompts must have one length.",
      )
        .choices(["aligned", "pooled"])
        .default("aligned"),
    )
    .addOption(
      new Option(
        "--digit <place>",
        "greater-than: ask for one digit of the end year, the last or the one before it.",
      ).choices(["ones", "tens"]),
    );
}

/**
 * @throws PithError "options" for an option of another task: if it were ignored, it would seem to have had an
 * effect.
 */
function ownOptions(name: string, command: Command): Flags {
  for (const [flag, owners] of optionOwners) {
    if (owners.includes(name) || command.getOptionValueSource(flag) !== "cli") continue;
    throw new PithError("options", `is an option of ${owners.join(" and ")}.`, {
      place: { field: `--${flag}` },
      advice: "Leave it out.",
    });
  }
  return command.optsWithGlobals<Flags>();
}

function list(): Outcome {
  return { json: { tasks: BUILTIN_TASKS }, report: (style) => builtinTasksReport(BUILTIN_TASKS, style) };
}

async function build(
  name: string,
  { seed, templates, orders, letter, means, digit, chat = false, model: modelName }: Flags,
  work: CommandWork,
) {
  const model = work.closing(await loadModel(modelName, work));
  const options: AnyTaskOptions = {
    ...{ seed, templates, means, digit, orders: nameOrders[orders], letter: letters[letter] },
  };
  const task = buildTask(name, model.tokenizer, {
    ...options,
    ...(chat && { acceptsAnswer: fitsTurn(model.tokenizer, means) }),
  });
  const template = templateFor(model.tokenizer, chat);
  return { task, options, model, description: describeTask(task, model.tokenizer, 5, template) };
}

/** A task file as a model's tokenizer sees it; splits are those that an extraction with this seed would make. */
async function describeFile(
  path: string,
  { model: modelName, chat: wanted, seed }: Flags,
  work: CommandWork,
) {
  const task = await readTask(path, work);
  const model = work.closing(await loadModel(modelName, work));
  const chat = wanted ?? task.chat ?? false;
  const splits = splitExamples(task.examples, { seed, fileName: path });
  const shown: DescribedTask = {
    name: task.name,
    description: `the examples of ${path}.`,
    examples: splitNames.flatMap((split) => splits[split].map((each) => ({ ...each, split }))),
    bos: task.bos ?? false,
    ...{ promptTokens: undefined, words: [], notes: [] },
  };
  const template = templateFor(model.tokenizer, chat);
  return { task, chat, model, description: describeTask(shown, model.tokenizer, 5, template) };
}

async function readShown(name: string, flags: Flags, work: CommandWork) {
  if (!isBuiltinTask(name)) return describeFile(name, flags, work);
  const { chat = false } = flags;
  const { description, model, options } = await build(name, flags, work);
  const task = await readTask(name, { ...options, tokenizer: model.tokenizer, chat });
  return { task, chat, model, description };
}

/** A model that is named is asked as well; the default one is there for its tokenizer. */
async function showTask(name: string, flags: Flags, work: CommandWork): Promise<Outcome> {
  const { description, model, task, chat } = await readShown(name, flags, work);
  if (flags.model === undefined)
    return { json: description, report: (style) => taskReport(description, style) };
  const { means, seed } = flags;
  const { original, findings } = await preflight(model, task, {
    ...{ means: description.promptTokens === undefined ? "pooled" : means, chat, seed },
    ...work,
  });
  const shown = { ...description, model: model.name, original, findings };
  return { json: shown, report: (style) => taskReport(shown, style) };
}

async function writeTask(name: string, path: string, flags: Flags, work: CommandWork): Promise<Outcome> {
  const { task, description } = await build(name, flags, work);
  const format = path.toLowerCase().endsWith(".csv") ? formatTaskCsv : formatTaskFile;
  await writeNewFile(path, format(task.examples));
  return {
    json: { file: resolve(path), ...description },
    report: (style) => `${taskReport(description, style)}\n\n written to ${path}`,
  };
}

async function writeNewFile(path: string, text: string): Promise<void> {
  try {
    await makeFolders(dirname(resolve(path)));
    const handle = await open(path, "wx");
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      throw new PithError("output", "can't be written there.", {
        place: { file: path },
        advice: "Choose another place.",
      });
    }
    if (errorCode(error) !== "EEXIST") throw fileError("output", path, error);
    throw new PithError("output", "exists already.", {
      place: { file: path },
      advice: "Choose another name, or remove it.",
    });
  }
}
