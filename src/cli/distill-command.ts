/** `pith distill`: a student of a circuit's size, trained on the original's logits, as a baseline. */
import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import { type CsvColumn, formatCsv } from "../experiments/csv.ts";
import { hasPublishedShape } from "../experiments/published.ts";
import { PUBLISHED_STUDENTS } from "../experiments/published-students.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { claimOutputFolder, writeOutputFolder } from "../files/output-folder.ts";
import { type Distillation, distillEncoded } from "../jobs/distill/distill.ts";
import {
  type DistillNumbers,
  defaultDistillOptions,
  distillRanges,
  layersRange,
} from "../jobs/distill/distill-options.ts";
import type { StudentPoint } from "../jobs/distill/train-student.ts";
import { loadModel, type Model } from "../jobs/load-model.ts";
import { encodePrompts } from "../jobs/prompts.ts";
import { distillationReport, studentNote } from "../report/terminal-distill.ts";
import { circuitSize } from "../transformer/circuit-size.ts";
import { headCountsOf } from "../transformer/component.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { findOriginal } from "./find-original.ts";
import { parseIn } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { labelOption } from "./task-option.ts";

interface Flags extends DistillNumbers {
  readonly task?: string;
  readonly label?: readonly string[];
  readonly model?: string;
  readonly layers?: number;
  readonly threads?: number;
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const distillationFolder = { marker: "distillation.json", kind: "distillation's folder" };

export function distillCommand({ exit }: CommandContext): Command {
  return new Command("distill")
    .summary("Train a small model of a circuit's size, to compare with.")
    .description(
      "Trains a student on the original's logits: the original's architecture with as many layers as fit into the circuit's size, from a random start, on the prompts that the circuit's means come from (the paper's Table 2). Keeps its best accuracy on the validation prompts, and the curve.",
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .option("-t, --task <name|file>", "The task that the circuit was cut for (default: its own, if built in)")
    .addOption(labelOption())
    .addOption(originalOption())
    .addOption(
      new Option("--layers <count>", "How many layers the student has (default: as many as fit)").argParser(
        parseIn("--layers", layersRange),
      ),
    )
    .addOption(
      numberOption("--epochs <count>", "How often at most it sees all prompts (the paper: 20000).", "epochs"),
    )
    .addOption(
      numberOption("--patience <epochs>", "End after so many epochs without a better accuracy.", "patience"),
    )
    .addOption(numberOption("--every <epochs>", "How many epochs lie between two measurements.", "every"))
    .addOption(numberOption("--batch <prompts>", "How many prompts a step sees.", "batch"))
    .addOption(numberOption("--learning-rate <rate>", "Adam's learning rate.", "learningRate"))
    .addOption(numberOption("--seed <number>", "For the random start and the order of prompts.", "seed"))
    .addOption(threadsOption("one for each core"))
    .option("-o, --out <dir>", "Where distillation.json, curve.csv and curve.svg go (default: DIR-student)")
    .addOption(forceOption("Replace the folder if it exists."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith distill ioi-circuit --epochs 1000 --out ioi-student")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

function numberOption(flags: string, text: string, field: keyof DistillNumbers): Option {
  const [name = ""] = flags.split(" ");
  return new Option(flags, text)
    .argParser(parseIn(name, distillRanges[field]))
    .default(defaultDistillOptions[field]);
}

async function run(
  directory: string,
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const { circuit, tokenizer } = await readShipped(directory);
  const out = flags.out ?? `${resolve(directory)}-student`;
  const folder = { ...distillationFolder, force: flags.force === true };
  const release = await claimOutputFolder(out, folder);
  try {
    const model = closing(await originalOf(circuit, flags, { signal, onEvent }));
    const task = await taskForCircuit({ circuit, tokenizer }, flags, signal);
    const { bos, chat, seed } = circuit.task;
    const { means } = circuit.replacement;
    const encoded = encodePrompts(task, model.tokenizer, model.transformer.contextLength, {
      ...{ means, bos, chat: chat !== undefined, seed },
    });
    const { epochs, patience, every, batch, learningRate } = flags;
    const distillation = await distillEncoded(model, encoded, {
      size: circuitSize(model.transformer, circuit.kept),
      ...{ layers: flags.layers, threads: flags.threads, signal, onEvent },
      ...{ epochs, patience, every, batch, learningRate, seed: flags.seed },
    });
    const { accuracy } = circuit.metrics;
    const beside = {
      circuit: { validation: accuracy.validation?.circuit, test: accuracy.test?.circuit },
      published: publishedFor(circuit, model),
      folder: out,
    };
    const record = recordOf(directory, circuit, distillation, beside);
    await writeOutputFolder(out, await filesOf(circuit, distillation, record), folder);
    return {
      json: { folder: resolve(out), ...record },
      report: (style) => distillationReport(distillation, beside, style),
    };
  } finally {
    await release();
  }
}

async function originalOf(
  circuit: CircuitFile,
  { model }: Flags,
  work: Pick<CommandWork, "signal" | "onEvent">,
): Promise<Model> {
  const original = model === undefined ? await findOriginal(circuit) : await loadModel(model, work);
  if (original !== undefined) return original;
  throw new PithError(
    "options",
    `the model that this circuit was cut from (${circuit.model.name}) is not at hand.`,
    {
      place: { field: "--model" },
      advice: "Say where it is: a student learns from it.",
    },
  );
}

/** The paper's student that stands beside such a circuit. */
function publishedFor({ task, onTrial }: CircuitFile, { transformer }: Model) {
  if (!hasPublishedShape(headCountsOf(transformer), transformer.width)) return undefined;
  const mlps = onTrial.includes("mlp");
  return PUBLISHED_STUDENTS.find((each) => each.task === task.name && each.mlps === mlps);
}

function recordOf(
  directory: string,
  { model, task }: CircuitFile,
  { curve, ...distillation }: Distillation,
  { circuit, published }: { readonly circuit: object; readonly published: object | undefined },
) {
  return {
    format: "pith.distillation/1",
    ...{ model: model.name, task: task.name, note: studentNote },
    circuit: { folder: resolve(directory), size: distillation.circuitSize, accuracy: circuit },
    ...distillation,
    ...(published && { published }),
    curve,
  };
}

const columns: readonly CsvColumn<StudentPoint>[] = [
  ["epoch", ({ epoch }) => epoch],
  ["steps", ({ steps }) => steps],
  ["loss", ({ loss }) => loss],
  ["validation_accuracy", ({ validation }) => validation.accuracy],
  ["validation_kl", ({ validation }) => validation.kl],
];

async function filesOf(
  { model, task, metrics }: CircuitFile,
  { student, curve, original }: Distillation,
  record: object,
): Promise<Readonly<Record<string, string>>> {
  // The drawing library takes a quarter of a second to load, so other commands do not load it.
  const { parseHTML } = await import("linkedom");
  const { studentChart } = await import("../report/charts/student-chart.ts");
  const { fileTheme } = await import("../report/charts/theme.ts");
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const course = {
    ...{ layers: student.layers, curve, original: original.validation },
    circuit: metrics.accuracy.validation?.circuit,
  };
  const title = `A student of ${basename(model.name)} on ${task.name}`;
  return {
    [distillationFolder.marker]: `${JSON.stringify(record, undefined, 2)}\n`,
    "curve.csv": formatCsv(columns, curve),
    "curve.svg": `${studentChart(course, title, { document, theme: fileTheme })}\n`,
  };
}
