/** The options of `pith extract`, in the command line's form and in the library's. */

import { Option } from "commander";
import { headsAndNeurons, knownSearchUnits, singleComponents } from "../discovery/search-units.ts";
import {
  alphaOption,
  earlyExitOption,
  maxKlOption,
  passesOption,
} from "../discovery/searches/greedy/greedy-options.ts";
import { searchNames } from "../discovery/searches/index.ts";
import { targetOptions } from "../discovery/searches/target/target-options.ts";
import { PithError } from "../errors.ts";
import type { Dtype } from "../export/dtype.ts";
import {
  type ConstantsChoice,
  constantsChoices,
  defaultExtractOptions as defaults,
  type ExtractOptions,
  type SearchSettings,
} from "../jobs/extract/extract-options.ts";
import type { CacheKind } from "../lowering/cache-heads.ts";
import type { OperatorSet } from "../lowering/operator-set.ts";
import { quote } from "../printable.ts";
import { forceOption, jsonOption, threadsOption } from "./common-options.ts";
import { targetOption } from "./compile-command.ts";
import { formatsOf, shippedDtypesOption } from "./dtype-options.ts";
import {
  deviceOption,
  parseAlpha,
  parseBootstrap,
  parseFrequency,
  parseHeadRank,
  parseKl,
  parsePasses,
  parseSeed,
  parseTargetAccuracy,
  parseTargetSize,
} from "./option-values.ts";
import {
  allowWeakOption,
  cachesOption,
  collect,
  firstPositionOption,
  meansOption,
  memoryOption,
  modelOption,
  orderOption,
  strictOption,
  valueBiasOption,
} from "./setting-options.ts";
import { chatOptions, labelOption } from "./task-option.ts";

type Target = NonNullable<ExtractOptions["target"]>;

type SearchOptions = Pick<
  Required<ExtractOptions>,
  "alpha" | "ablation" | "valueBias" | "mlps" | "means" | "order" | "seed" | "passes"
>;

export interface ExtractFlags extends Omit<SearchOptions, "alpha"> {
  readonly alpha?: number | undefined;
  readonly search?: string;
  readonly set?: readonly string[];
  readonly components?: string;
  readonly constants: ConstantsChoice;
  readonly model?: string;
  readonly task?: string;
  readonly label?: readonly string[];
  readonly firstPosition?: SearchSettings["firstPosition"];
  readonly maxKl?: number;
  readonly earlyExit?: boolean;
  readonly targetAccuracy?: number;
  readonly targetKl?: number;
  readonly targetSize?: number;
  readonly bootstrap?: number;
  readonly frequency?: number;
  readonly headRank?: number | "auto";
  readonly dtype: readonly Dtype[];
  readonly target: OperatorSet;
  readonly caches: CacheKind;
  readonly compile?: boolean;
  readonly threads?: number;
  readonly memory?: number;
  readonly device: SearchSettings["device"];
  readonly out?: string;
  readonly strict?: boolean;
  readonly allowWeak?: boolean;
  readonly force?: boolean;
  readonly resume?: boolean;
  readonly bos?: boolean;
  readonly chat?: boolean;
  readonly json?: boolean;
}

/** The options, in the order of the help. */
export function extractCommandOptions(): readonly Option[] {
  return [...subjectOptions(), ...searchOptions(), ...outputOptions()];
}

/** Options for the model and the task. */
const subjectOptions = (): readonly Option[] => [
  modelOption(),
  new Option(
    "-t, --task <name|file>",
    "A built-in task (pith tasks), or a task file, .jsonl or .csv (default: nano's indirect objects)",
  ),
  labelOption(),
];

/** Options of the search. */
const searchOptions = (): readonly Option[] => [
  new Option(
    "--search <name>",
    `The search, one of ${searchNames().join(", ")} (default: greedy; with a target: target).`,
  ),
  new Option("--set <name=value>", "With --search: an option of that search; again for more.").argParser(
    collect,
  ),
  new Option("-a, --alpha <number>", alphaOption.sentence).default(defaults.alpha).argParser(parseAlpha),
  new Option("--target-accuracy <share>", targetOptions.accuracy.sentence).argParser(parseTargetAccuracy),
  new Option("--target-kl <nats>", targetOptions.kl.sentence).argParser(parseKl("--target-kl")),
  new Option("--target-size <share>", targetOptions.size.sentence).argParser(parseTargetSize),
  new Option("--max-kl <nats>", maxKlOption.sentence).argParser(parseKl("--max-kl")),
  new Option("--passes <count>", passesOption.sentence).default(defaults.passes).argParser(parsePasses),
  new Option("--early-exit", earlyExitOption.sentence),
  new Option("--ablation <kind>", "What takes a pruned component's place: its mean output, or nothing.")
    .choices(["mean", "zero"])
    .default(defaults.ablation),
  valueBiasOption(),
  new Option(
    "--constants <kind>",
    "What stands for what is pruned: its means; vectors fitted to the circuit; or trained with the masks of --search learned. Fitted ones are no evidence of a mechanism.",
  )
    .choices(constantsChoices)
    .default(defaults.constants),
  new Option("--no-mlps", "Leave every MLP in; only heads are tried."),
  new Option(
    "--components <units>",
    `What is tried at once (default: ${singleComponents.name}; with a search by gates: ${headsAndNeurons.name}). ${unitSentences()}`,
  ),
  meansOption(),
  firstPositionOption(),
  orderOption(),
  new Option("--bos", "Put the beginning-of-text token before every prompt (default for acronyms)"),
  new Option("--no-bos", "Do not, for acronyms either."),
  ...chatOptions(),
  new Option("--seed <integer>", "How a task without splits is split; which prompts a built-in one has.")
    .default(defaults.seed)
    .argParser(parseSeed),
  new Option(
    "--bootstrap <runs>",
    "Repeat the search so often on resampled prompts, and tell how stable the circuit is.",
  ).argParser(parseBootstrap),
  new Option(
    "--frequency <share>",
    "With --bootstrap: ship the components that were kept in at least this share of the runs.",
  ).argParser(parseFrequency),
];

/** Options for computing and for the output. */
const outputOptions = (): readonly Option[] => [
  threadsOption(),
  memoryOption(),
  deviceOption(),
  new Option(
    "--head-rank <rank|auto>",
    "Cut kept heads' values and outputs to this rank; auto: the smallest that costs at most one more α of KL.",
  ).argParser(parseHeadRank),
  shippedDtypesOption(),
  targetOption(),
  cachesOption().default(defaults.caches),
  new Option("--compile", "Compile the circuit for its task's words as well, to a folder beside it."),
  strictOption(),
  allowWeakOption(),
  new Option(
    "-o, --out <dir>",
    "Where the circuit goes (default: pith-out/MODEL-TASK, with -seedN for a built-in task)",
  ),
  forceOption("Replace the folder if it exists, and accept what a narrower format loses."),
  new Option("--resume", "Go on with a search that was interrupted, with the same options."),
  jsonOption(),
];

export function extractOptionsOf(flags: ExtractFlags): ExtractOptions {
  const { ablation, valueBias, constants, mlps, components, means, seed } = flags;
  const { device, bootstrap, frequency } = flags;
  return {
    ...{
      ablation,
      valueBias,
      constants,
      mlps,
      means,
      seed,
      device,
      target: targetOf(flags),
      threads: flags.threads,
    },
    ...searchFlags(flags),
    ...{ memory: flags.memory, headRank: flags.headRank },
    ...(components !== undefined && { components }),
    ...(flags.firstPosition !== undefined && { firstPosition: flags.firstPosition }),
    ...(flags.bos !== undefined && { bos: flags.bos }),
    ...(flags.chat !== undefined && { chat: flags.chat }),
    ...{ bootstrap, frequency, ...formatsOf(flags.dtype), operators: flags.target, caches: flags.caches },
    strict: flags.strict ?? defaults.strict,
    allowWeak: flags.allowWeak ?? defaults.allowWeak,
    force: flags.force ?? defaults.force,
    resume: flags.resume ?? defaults.resume,
  };
}

/** A search that is named has its options as its own; the default ones take them from the settings. */
function searchFlags(flags: ExtractFlags): Partial<SearchSettings> {
  const { search: name, set = [], alpha, maxKl, passes, order, earlyExit } = flags;
  if (name === undefined) {
    if (set.length > 0) {
      const advice = "Name the search as well: --search learned, say.";
      throw new PithError("options", "is for a search that is named.", { place: { field: "--set" }, advice });
    }
    const named = { ...(alpha !== undefined && { alpha }), ...(earlyExit && { earlyExit }) };
    return { passes, maxKl, order, ...named };
  }
  const given = {
    ...(alpha !== undefined && { alpha }),
    ...(maxKl !== undefined && { maxKl }),
    ...(earlyExit && { earlyExit }),
    ...(passes !== defaults.passes && { passes }),
    ...(order !== defaults.order && { order }),
  };
  return { search: { name, options: { ...given, ...Object.fromEntries(set.map(parseSetting)) } } };
}

/** "steps=400" → ["steps", 400]. */
function parseSetting(text: string): readonly [string, number | string] {
  const [, name, value] = /^([A-Za-z][A-Za-z0-9]*)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new PithError("options", `is ${quote(text)}, but must be name=value.`, {
      place: { field: "--set" },
      advice: "steps=400, say.",
    });
  }
  const number = Number(value);
  return [name, Number.isFinite(number) ? number : value];
}

function targetOf({ targetAccuracy, targetKl, targetSize }: ExtractFlags): Target | undefined {
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

/** "heads,mlps: each head and each MLP by itself; kv-groups: …" */
function unitSentences(): string {
  const each = knownSearchUnits().map(
    ({ name, sentence }) =>
      `${name}: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1).replace(/\.$/, "")}`,
  );
  return `${each.join("; ")}.`;
}
