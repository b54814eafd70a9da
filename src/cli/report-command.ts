/** `pith report`: writes a circuit, or several side by side, as one HTML file that can be sent to anybody. */

import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Command, Option } from "commander";
import { rankingNamed } from "../discovery/rankings/index.ts";
import { PithError } from "../errors.ts";
import type { Dtype } from "../export/dtype.ts";
import { mainDtype } from "../export/formats.ts";
import type { CircuitFolder } from "../export/read-folder.ts";
import { circuitIdentity } from "../jobs/evidence/circuit-identity.ts";
import { evidenceFileOf, readEvidence } from "../jobs/evidence/evidence-file.ts";
import type { CircuitEvidence } from "../jobs/evidence/evidence-result.ts";
import { loadModel, type Model } from "../jobs/load-model.ts";
import { readKnown } from "../jobs/read-known.ts";
import { readTask, type Task } from "../jobs/read-task.ts";
import { type CircuitReport, gatherReport } from "../jobs/report/report.ts";
import { isSame } from "../jobs/same-weights.ts";
import { formatBytes, plural } from "../report/format.ts";
import { reportPage } from "../report/html/report-page.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { openedDtypeOption } from "./dtype-options.ts";
import { findOriginal } from "./find-original.ts";
import { parsePrompts } from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";
import { checkOutputFile, writeOutputFile } from "./write-output.ts";

interface Flags {
  readonly model?: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly skills?: readonly string[];
  readonly rankings?: readonly string[];
  readonly evidence?: readonly string[];
  readonly known?: string;
  readonly out?: string;
  readonly prompts: number;
  readonly threads?: number;
  readonly dtype?: Dtype;
  readonly json?: boolean;
  readonly force?: boolean;
}

export function reportCommand({ exit }: CommandContext): Command {
  return new Command("report")
    .summary("Make one HTML file of a circuit, or of several side by side.")
    .description(
      "Makes one self-contained HTML file: the circuit's map and search, its figures beside the original's, examples, attention patterns, what adds to the answer, and what it can do beside its task.",
    )
    .argument("<dirs...>", "Folders that `pith extract` wrote.")
    .addOption(originalOption("The original, to compare with"))
    .option("-t, --task <name|file>", "The task whose prompts are shown (default: its own, if known here)")
    .addOption(labelOption())
    .option("--skills <files...>", "Task files of the model's other skills: a good circuit forgets them.")
    .addOption(
      new Option(
        "--rankings <names>",
        "Rankings of the original's heads and MLPs beside the search's decisions, as fisher,relp.",
      ).argParser((text: string) =>
        text.split(",").map((name) => rankingNamed(name.trim(), "--rankings").name),
      ),
    )
    .option(
      "--evidence <files...>",
      "Evidence that `pith evidence --out` wrote elsewhere (default: DIR-evidence.json beside each circuit)",
    )
    .option("--known <id|file>", "A known circuit to compare with: ioi/26, greater-than, or a file of heads.")
    .option("-o, --out <file>", "The file to write (default: DIR-report.html, beside the circuit)")
    .addOption(
      new Option("--prompts <count>", "Examples of each kind, and prompts whose attention is shown.")
        .default(3)
        .argParser(parsePrompts),
    )
    .addOption(threadsOption())
    .addOption(openedDtypeOption())
    .addOption(jsonOption("a line"))
    .addOption(forceOption("Replace the file if it exists."))
    .addHelpText("after", "\nExample:\n  $ pith report ioi-circuit --skills skills/*.jsonl --out ioi.html")
    .action(async (directories: readonly string[], flags: Flags) => {
      exit(await perform((work) => run(directories, flags, work), flags));
    });
}

async function run(directories: readonly string[], flags: Flags, work: CommandWork): Promise<Outcome> {
  const { signal, onEvent, closing } = work;
  const force = flags.force === true;
  const out = flags.out ?? defaultName(directories);
  await checkOutputFile(out, force);
  const known = flags.known === undefined ? undefined : await readKnown(flags.known);
  const skills = await Promise.all((flags.skills ?? []).map((path) => readTask(path, { signal })));
  const given =
    flags.model === undefined ? undefined : closing(await loadModel(flags.model, { signal, onEvent }));

  const evidence = await Promise.all((flags.evidence ?? []).map(readEvidence));
  const reports: CircuitReport[] = [];
  for (const directory of directories) {
    const folder = await readShipped(directory, flags);
    reports.push(
      await gatherReport(directory, {
        original: await originalOf(folder, given, work),
        task: await findTask(folder, flags),
        evidence:
          evidence.find(({ identity }) => identity === circuitIdentity(folder.circuit)) ??
          (await evidenceBeside(directory)),
        ...{ skills, known, rankings: flags.rankings ?? [], prompts: flags.prompts, signal, onEvent },
        ...{ threads: flags.threads, dtype: flags.dtype },
      }),
    );
  }
  signal.throwIfAborted();
  const page = reportPage(reports);
  await writeOutputFile(out, page, force);
  const bytes = Buffer.byteLength(page);
  return {
    json: { file: resolve(out), bytes, circuits: reports.map(summary) },
    report: () =>
      ` ${out}: ${plural(reports.length, "circuit")}, ${formatBytes(bytes)}; open it in a browser`,
  };
}

/**
 * The model that the user gave, whatever its weights are; else the one that circuit.json names, if it is on this
 * machine.
 */
async function originalOf(
  { directory, circuit }: CircuitFolder,
  given: Model | undefined,
  { closing }: CommandWork,
): Promise<Model | undefined> {
  if (given !== undefined) {
    if (!(await isSame(given, circuit.model.files))) {
      printNote(
        `${given.name} has other weight files than the model that ${directory} was cut from: its figures are another model's, or another copy's.`,
      );
    }
    return given;
  }
  const found = await findOriginal(circuit);
  if (found !== undefined) return closing(found);
  printNote(
    `${directory}: its original is not at hand, so what needs it is left out; --model says where it is.`,
  );
  return undefined;
}

/** The task as `pith eval` finds it; without it, the report is made and says so. */
async function findTask(folder: CircuitFolder, flags: Flags): Promise<Task | undefined> {
  try {
    return await taskForCircuit(folder, flags);
  } catch (error) {
    if (flags.task !== undefined || !(error instanceof PithError) || error.code !== "options") throw error;
    printNote(
      `The task "${folder.circuit.task.name}" is not known here, so no prompts are shown; --task says where it is.`,
    );
    return undefined;
  }
}

/** What `pith evidence` has written for this folder, if it has. */
async function evidenceBeside(directory: string): Promise<CircuitEvidence | undefined> {
  const path = relative(process.cwd(), evidenceFileOf(directory));
  return existsSync(path) ? readEvidence(path) : undefined;
}

/** Beside the (first) circuit, relative to the current folder. */
function defaultName(directories: readonly string[]): string {
  const first = resolve(directories[0] ?? "circuit");
  const name = directories.length === 1 ? basename(first) : "circuits";
  return relative(process.cwd(), join(dirname(first), `${name}-report.html`));
}

/** The parts of a report that are computed for it, as JSON. */
function summary(report: CircuitReport): object {
  const { directory, circuit, examples, attribution, rankings, evidence, skills, known } = report;
  return {
    folder: resolve(directory),
    dtype: mainDtype(circuit),
    examples: "found" in examples ? counts(examples.found) : null,
    attribution: "found" in attribution ? attribution.found.parts : null,
    rankings: rankings !== undefined && "found" in rankings ? rankings.found : null,
    evidence: "found" in evidence,
    skills,
    known: known === undefined ? null : { id: known.circuit.id, ...known.rates },
  };
}

function counts({ task, split, examples, leftOut, rightCount, originalRightCount }: Examples): object {
  return { task, split, examples, leftOut, right: rightCount, originalRight: originalRightCount ?? null };
}

type Examples = Extract<CircuitReport["examples"], { found: unknown }>["found"];
