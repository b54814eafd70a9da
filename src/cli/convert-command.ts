/** `pith convert`: writes a circuit's folder in another number format. */
import { Command, Option } from "commander";
import { PithError } from "../errors.ts";
import { dtypePurpose, type NarrowDtype, narrowDtypes } from "../export/dtype.ts";
import { addFormats } from "../jobs/convert/add-formats.ts";
import { convertCircuit } from "../jobs/convert/convert.ts";
import { loadModel } from "../jobs/load-model.ts";
import type { CacheKind } from "../lowering/cache-heads.ts";
import { conversionReport } from "../report/terminal-dtype.ts";
import { withCircuitJson } from "./circuit-json-output.ts";
import { taskForCircuit } from "./circuit-task.ts";
import type { CommandContext } from "./command-context.ts";
import { forceOption, jsonOption, originalOption, threadsOption } from "./common-options.ts";
import { parseNarrow } from "./dtype-options.ts";
import { findOriginal } from "./find-original.ts";
import { type CommandWork, type Outcome, perform } from "./perform.ts";
import { readShipped } from "./read-shipped.ts";
import { cachesOption } from "./setting-options.ts";
import { printNote } from "./streams.ts";
import { labelOption } from "./task-option.ts";

interface Flags {
  readonly dtype: readonly NarrowDtype[];
  readonly caches?: CacheKind;
  readonly out?: string;
  readonly add?: boolean;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly model?: string;
  readonly threads?: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function convertCommand({ exit }: CommandContext): Command {
  return new Command("convert")
    .summary("Ship a circuit in a narrower number format.")
    .description(
      "Writes a circuit's weights in another number format, into a folder of their own or beside float32 in the circuit's folder, and measures what that cost.\n\n" +
        narrowDtypes.map((dtype) => `${dtype.padEnd(5)} ${dtypePurpose[dtype]}`).join("\n"),
    )
    .argument("<dir>", "The folder that `pith extract` wrote.")
    .addOption(
      new Option("--dtype <format>", "The weights' number format; with --add also several, with commas.")
        .argParser(parseNarrow)
        .makeOptionMandatory(),
    )
    .addOption(cachesOption("as they are"))
    .option("-o, --out <dir>", "Where the converted circuit goes: a folder of its own.")
    .option("--add", "Put it into the circuit's own folder, beside what is there.")
    .option("-t, --task <name|file>", "The task that the circuit was cut for (default: its own, if built in)")
    .addOption(labelOption())
    .addOption(originalOption())
    .addOption(threadsOption())
    .addOption(forceOption("Replace what exists, and accept any loss of accuracy."))
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  $ pith convert ioi-circuit --dtype int8 --out ioi-circuit-int8")
    .action(async (directory: string, flags: Flags) => {
      exit(await perform((work) => run(directory, flags, work), flags));
    });
}

async function run(
  directory: string,
  flags: Flags,
  { signal, onEvent, closing }: CommandWork,
): Promise<Outcome> {
  const into = destination(flags);
  const folder = await readShipped(directory);
  const task = await taskForCircuit(folder, flags, signal);
  const original =
    flags.model === undefined
      ? await findOriginal(folder.circuit)
      : await loadModel(flags.model, { signal, onEvent });
  if (original === undefined) {
    printNote("The original is not at hand, so there is no KL to it; --model says where it is.");
  } else closing(original);
  const { caches, threads, force = false } = flags;
  const options = { task, original, threads, force, signal, onEvent };
  const conversion =
    into.out === undefined
      ? await addFormats(directory, { ...options, dtypes: into.dtypes })
      : await convertCircuit(directory, into.out, { ...options, caches, dtype: into.dtype });
  return {
    json: withCircuitJson(conversion),
    report: (style) => conversionReport(conversion.folder, conversion.circuit, style),
  };
}

type Destination =
  | { readonly out: string; readonly dtype: NarrowDtype }
  | { readonly out?: undefined; readonly dtypes: readonly NarrowDtype[] };

/** @throws PithError "options" unless exactly one folder is given for one format, or for the circuit's own. */
function destination({ dtype: dtypes, caches, out, add = false }: Flags): Destination {
  if ((out === undefined) !== add) {
    throw new PithError("options", "a converted circuit goes to one place.", {
      place: { field: "--out" },
      advice: "Give either --out with a new folder, or --add for the circuit's own folder.",
    });
  }
  if (out === undefined && caches !== undefined) {
    throw new PithError("options", "can't go with --add: all formats of a folder have the same caches.", {
      place: { field: "--caches" },
      advice: "Convert into a folder of its own with --out.",
    });
  }
  if (out === undefined) return { dtypes };
  const [dtype, ...others] = dtypes;
  if (dtype !== undefined && others.length === 0) return { out, dtype };
  throw new PithError("options", "a folder of its own takes one number format.", {
    place: { field: "--dtype" },
    advice: "Several go beside float32, into the circuit's own folder, with --add.",
  });
}
