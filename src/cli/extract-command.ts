/** `pith extract`: makes a circuit's folder from a model and a task. */

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { Command, Option } from "commander";
import { alphaOption, maxKlOption, passesOption } from "../discovery/searches/greedy/greedy-options.ts";
import { targetOptions } from "../discovery/searches/target/target-options.ts";
import { PithError } from "../errors.ts";
import { type Dtype, type NarrowDtype, narrowDtypes } from "../export/dtype.ts";
import { checkCircuitFolder } from "../export/write-folder.ts";
import { journalPath } from "../files/journal.ts";
import { compileFolder } from "../jobs/compile/compile.ts";
import { extract } from "../jobs/extract/extract.ts";
import type { SearchSettings } from "../jobs/extract/extract-options.ts";
import {
  checkExtractOptions,
  defaultExtractOptions as defaults,
  type ExtractOptions,
} from "../jobs/extract/extract-options.ts";
import { rememberOriginal } from "../jobs/known-originals.ts";
import { loadModel } from "../jobs/load-model.ts";
import type { Task } from "../jobs/read-task.ts";
import type { CacheKind } from "../lowering/cache-heads.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import { compilationReport } from "../report/terminal-compiled.ts";
import { extractionReport } from "../report/terminal-summary.ts";
import { withCircuitJson } from "./circuit-json-output.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, threadsOption } from "./common-options.ts";
import { targetOption } from "./compile-command.ts";
import { shippedDtypesOption } from "./dtype-options.ts";
import { commandToCopy, programName, resumeCommand } from "./invocation.ts";
import {
  deviceOption,
  parseAlpha,
  parseBootstrap,
  parseFrequency,
  parseKl,
  parsePasses,
  parseSeed,
  parseTargetAccuracy,
  parseTargetSize,
} from "./option-values.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import {
  allowWeakOption,
  cachesOption,
  meansOption,
  modelOption,
  orderOption,
  strictOption,
  valueBiasOption,
} from "./setting-options.ts";
import { printNote } from "./streams.ts";
import { labelOption, readTaskAndModel } from "./task-option.ts";

type Target = NonNullable<ExtractOptions["target"]>;

type SearchOptions = Pick<
  Required<ExtractOptions>,
  "alpha" | "ablation" | "valueBias" | "mlps" | "means" | "order" | "seed" | "passes"
>;

interface Flags extends Omit<SearchOptions, "alpha"> {
  readonly alpha?: number | undefined;
  readonly model?: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly maxKl?: number;
  readonly targetAccuracy?: number;
  readonly targetKl?: number;
  readonly targetSize?: number;
  readonly bootstrap?: number;
  readonly frequency?: number;
  readonly dtype: readonly Dtype[];
  readonly target: OperatorSet;
  readonly caches: CacheKind;
  readonly compile?: boolean;
  readonly threads?: number;
  readonly device: SearchSettings["device"];
  readonly out?: string;
  readonly strict?: boolean;
  readonly allowWeak?: boolean;
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
    .addOption(modelOption())
    .option(
      "-t, --task <name|file>",
      "A built-in task (pith tasks), or a task file, .jsonl or .csv (default: nano's indirect objects)",
    )
    .addOption(labelOption())
    .addOption(
      new Option("-a, --alpha <number>", alphaOption.sentence).default(defaults.alpha).argParser(parseAlpha),
    )
    .addOption(
      new Option("--target-accuracy <share>", targetOptions.accuracy.sentence).argParser(parseTargetAccuracy),
    )
    .addOption(new Option("--target-kl <nats>", targetOptions.kl.sentence).argParser(parseKl("--target-kl")))
    .addOption(new Option("--target-size <share>", targetOptions.size.sentence).argParser(parseTargetSize))
    .addOption(new Option("--max-kl <nats>", maxKlOption.sentence).argParser(parseKl("--max-kl")))
    .addOption(
      new Option("--passes <count>", passesOption.sentence).default(defaults.passes).argParser(parsePasses),
    )
    .addOption(
      new Option("--ablation <kind>", "What takes a pruned component's place: its mean output, or nothing.")
        .choices(["mean", "zero"])
        .default(defaults.ablation),
    )
    .addOption(valueBiasOption())
    .option("--no-mlps", "Leave every MLP in; only heads are tried.")
    .addOption(meansOption())
    .addOption(orderOption())
    .option("--bos", "Put the beginning-of-text token before every prompt (default for acronyms)")
    .option("--no-bos", "Do not, for acronyms either.")
    .addOption(
      new Option("--seed <integer>", "How a task without splits is split; which prompts a built-in one has.")
        .default(defaults.seed)
        .argParser(parseSeed),
    )
    .addOption(
      new Option(
        "--bootstrap <runs>",
        "Repeat the search so often on resampled prompts, and tell how stable the circuit is.",
      ).argParser(parseBootstrap),
    )
    .addOption(
      new Option(
        "--frequency <share>",
        "With --bootstrap: ship the components that were kept in at least this share of the runs.",
      ).argParser(parseFrequency),
    )
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(shippedDtypesOption())
    .addOption(targetOption())
    .addOption(cachesOption().default(defaults.caches))
    .option("--compile", "Compile the circuit for its task's words as well, to a folder beside it.")
    .addOption(strictOption())
    .addOption(allowWeakOption())
    .option(
      "-o, --out <dir>",
      "Where the circuit goes (default: pith-out/MODEL-TASK, with -seedN for a built-in task)",
    )
    .addOption(forceOption("Replace the folder if it exists, and accept what a narrower format loses."))
    .option("--resume", "Go on with a search that was interrupted, with the same options.")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ pith extract --model openai-community/gpt2 --task ioi.jsonl --out ioi",
    )
    .action(async (given: Flags, command: Command) => {
      // A target chooses its own α; the default is not the user's choice.
      const { alpha, ...rest } = given;
      const flags = command.getOptionValueSource("alpha") === "default" ? rest : { ...rest, alpha };
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
  const options = optionsOf(flags);
  checkExtractOptions(options, flagOf);
  const { task, model } = await readTaskAndModel(flags, () => loadModel(flags.model, { signal, onEvent }), {
    closing,
    signal,
  });
  const out = flags.out ?? join("pith-out", `${basename(model.name)}-${folderName(task, flags.seed)}`);
  if (flags.resume === true && !existsSync(journalPath(out)))
    printNote(`There is no interrupted search for ${out}: this one starts anew.`);
  if (flags.compile === true) await checkCompile(flags, `${out}-compiled`);
  const extraction = await extract(model, task, out, { ...options, signal, onEvent });
  await rememberOriginal(model, extraction.circuit.model.files);
  const example = task.examples.find(({ split }) => split === "test") ?? task.examples[0];
  const next = commandToCopy(programName(process.argv[1]), [
    ["run", out],
    ["--prompt", example?.prompt ?? ""],
  ]);
  const compilation =
    flags.compile === true
      ? await compileFolder(out, `${out}-compiled`, {
          ...{
            task,
            original: model,
            target: flags.target,
            threads: flags.threads,
            force: flags.force,
            signal,
            onEvent,
          },
        })
      : undefined;
  return {
    json: {
      ...withCircuitJson(extraction),
      ...(compilation && { compilation: withCircuitJson(compilation) }),
    },
    report: (style) =>
      [
        extractionReport(extraction, { next }, style),
        ...(compilation ? [compilationReport(compilation.folder, compilation.circuit, style)] : []),
      ].join("\n"),
  };
}

/**
 * A built-in task of another seed, or a task file of the same name, has other prompts, so it gets another folder.
 */
function folderName({ name, builtin }: Task, seed: number): string {
  return builtin === undefined ? name : `${name}-seed${seed}`;
}

function optionsOf(flags: Flags): ExtractOptions {
  const { alpha, ablation, valueBias, mlps, means, order, seed, passes } = flags;
  const { maxKl, device, bootstrap, frequency } = flags;
  return {
    ...{
      ablation,
      valueBias,
      mlps,
      means,
      order,
      seed,
      passes,
      maxKl,
      target: targetOf(flags),
      threads: flags.threads,
      device,
    },
    ...(alpha !== undefined && { alpha }),
    ...(flags.bos !== undefined && { bos: flags.bos }),
    ...{ bootstrap, frequency, ...formatsOf(flags.dtype), operators: flags.target, caches: flags.caches },
    strict: flags.strict ?? defaults.strict,
    allowWeak: flags.allowWeak ?? defaults.allowWeak,
    force: flags.force ?? defaults.force,
    resume: flags.resume ?? defaults.resume,
  };
}

/** The main format, and the additional ones. */
function formatsOf(chosen: readonly Dtype[]): {
  readonly dtype: Dtype;
  readonly formats: readonly NarrowDtype[];
} {
  const [dtype = "f32"] = chosen;
  return { dtype, formats: dtype === "f32" ? narrowDtypes.filter((each) => chosen.includes(each)) : [] };
}

/** "maxKl" → "--max-kl". In this command the option of a graph's operators is called "target". */
const flagOf = (option: string) =>
  option === "operators"
    ? "--target"
    : `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Checked before the search, so that an option that excludes compiling is reported at once. */
async function checkCompile({ means, dtype, force = false }: Flags, out: string): Promise<void> {
  if (means === "aligned" && dtype.includes("f32")) return checkCircuitFolder(out, { force });
  throw new PithError("options", "takes circuits of one prompt length, in float32.", {
    place: { field: "--compile" },
    advice: "Leave out --means pooled and --dtype; pith compile --dtype narrows what it has compiled.",
  });
}

function targetOf({ targetAccuracy, targetKl, targetSize }: Flags): Target | undefined {
  const given = Object.entries({ accuracy: targetAccuracy, kl: targetKl, size: targetSize }).flatMap(
    ([kind, value]) => (value === undefined ? [] : [{ kind: kind as Target["kind"], value }]),
  );
  const [first, second] = given;
  if (second !== undefined) {
    throw new PithError("options", `can't go with --target-${second.kind}: there is one target.`, {
      place: { field: `--target-${first?.kind}` },
      advice: "An accuracy can be joined by --max-kl.",
    });
  }
  return first;
}
