/** Fills in and checks the options of an extraction, before anything is read or run. */
import { bootstrapRange, frequencyRange } from "../../discovery/bootstrap-options.ts";
import { checkFirstPosition } from "../../discovery/check-first-position.ts";
import { headsAndNeurons, searchUnitsNamed, singleComponents } from "../../discovery/search-units.ts";
import { passesOption } from "../../discovery/searches/greedy/greedy-options.ts";
import { searchNamed } from "../../discovery/searches/index.ts";
import { targetKinds, targetOptions } from "../../discovery/searches/target/target-options.ts";
import { PithError } from "../../errors.ts";
import { dtypes, narrowDtypes } from "../../export/dtype.ts";
import { cacheKinds } from "../../lowering/cache-heads.ts";
import { isWithin, seedRange } from "../../number-range.ts";
import { requireNumber, requireOption } from "../require-option.ts";
import {
  constantsChoices,
  defaultExtractOptions,
  type ExtractOptions,
  headRankRange,
  memoryRange,
  type OptionName,
  type SearchSettings,
  searchOf,
  threadRange,
} from "./extract-options.ts";

/** Fills in the defaults. @throws PithError "options" that names the option. */
export function checkExtractOptions(
  options: ExtractOptions,
  nameOf: OptionName = (option) => option,
): SearchSettings {
  const require = (option: string, value: unknown, valid: boolean, wanted: string) =>
    requireOption(nameOf(option), value, valid, wanted);
  const { signal: _signal, onEvent: _onEvent, ...given } = options;
  const settings = withUsualComponents({ ...defaultExtractOptions, ...given }, options.components, nameOf);
  const { ablation, valueBias, means, seed, threads } = settings;
  require("ablation", ablation, ["mean", "zero"].includes(ablation), "mean or zero");
  require("valueBias", valueBias, ["removed", "kept"].includes(valueBias), "removed or kept");
  require("means", means, ["aligned", "pooled"].includes(means), "aligned or pooled");
  checkFirstPosition({ firstPosition: options.firstPosition, means, ablations: [ablation] }, nameOf);
  require("dtype", settings.dtype, dtypes.includes(settings.dtype), dtypes.join(", "));
  const wanted = `each of ${narrowDtypes.join(", ")} at most once, beside float32`;
  require("formats", settings.formats, areFormats(settings), wanted);
  const { operators } = settings;
  require("operators", operators, ["portable", "onnxruntime"].includes(operators), "portable or onnxruntime");
  require("caches", settings.caches, cacheKinds.includes(settings.caches), cacheKinds.join(" or "));
  requireNumber(nameOf("seed"), seed, seedRange);
  if (threads !== undefined) requireNumber(nameOf("threads"), threads, threadRange);
  checkRank(settings, nameOf);
  require("device", settings.device, ["cpu", "webgpu"].includes(settings.device), "cpu or webgpu");
  checkMemory(settings, nameOf);
  checkConstants(settings, nameOf);
  checkComponents(settings, nameOf);
  checkTarget(settings, options.alpha, nameOf);
  checkSearch(settings, given, nameOf);
  checkStabilityOptions(settings, nameOf);
  return settings;
}

/** Searches by gates prune neurons, unless other components are asked for. */
function withUsualComponents(
  settings: SearchSettings,
  asked: string | undefined,
  nameOf: OptionName,
): SearchSettings {
  const { search } = settings;
  if (search === undefined || searchNamed(search.name, nameOf("search")).gates !== true) return settings;
  if (asked !== undefined) return settings;
  return { ...settings, components: headsAndNeurons.name };
}

function checkComponents(settings: SearchSettings, nameOf: OptionName): void {
  const field = nameOf("components");
  const units = searchUnitsNamed(settings.components, field);
  const { name, gates } = searchOf(settings, nameOf);
  if (units.splitsMlps !== true || gates === true) return;
  throw new PithError(
    "options",
    `is ${units.name}, but the search named ${name} tries heads and whole MLPs.`,
    {
      place: { field },
      advice: `Choose a search by gates: ${nameOf("search")} learned, say.`,
    },
  );
}

function checkRank({ headRank }: SearchSettings, nameOf: OptionName): void {
  if (headRank === undefined || headRank === "auto" || isWithin(headRankRange, headRank)) return;
  const { wanted, advice } = headRankRange;
  throw new PithError("options", `is ${String(headRank)}, but must be ${wanted}, or auto.`, {
    place: { field: nameOf("headRank") },
    ...(advice !== undefined && { advice }),
  });
}

function checkConstants(settings: SearchSettings, nameOf: OptionName): void {
  const { constants, ablation, memory, headRank, target } = settings;
  const wanted = constantsChoices.join(", ");
  requireOption(nameOf("constants"), constants, constantsChoices.includes(constants), wanted);
  if (constants === "mean") return;
  const refuse = (message: string, advice: string) =>
    new PithError("options", message, { place: { field: nameOf("constants") }, advice });
  if (ablation === "zero")
    throw refuse(
      "fits constants that begin as means, and zero ablation has none.",
      `Leave out ${nameOf("constants")}, or choose ${nameOf("ablation")} mean.`,
    );
  if (memory !== undefined)
    throw refuse(
      `can't go with ${nameOf("memory")}: the fit of constants has no bound yet.`,
      "Leave one of them out.",
    );
  if (headRank !== undefined)
    throw refuse(
      `can't go with ${nameOf("headRank")}: constants are fitted to whole heads.`,
      "Leave one of them out.",
    );
  if (constants !== "joint") return;
  const { name, joint } = searchOf(settings, nameOf);
  if (joint === true && target?.kind === "accuracy")
    throw refuse(
      `can't go with ${nameOf("target-accuracy")}: joint training holds a KL or a size.`,
      "Choose another target, or fitted constants.",
    );
  if (joint === true) return;
  throw refuse(
    `is joint, but the search named ${name} trains no masks that constants could be trained with.`,
    `Choose ${nameOf("search")} learned, or fitted constants.`,
  );
}

function checkMemory({ memory, device }: SearchSettings, nameOf: OptionName): void {
  if (memory === undefined) return;
  requireNumber(nameOf("memory"), memory, memoryRange);
  if (device === "cpu") return;
  throw new PithError("options", "bounds the processor's memory, not a graphics card's.", {
    place: { field: nameOf("memory") },
    advice: `Leave out ${nameOf("device")}.`,
  });
}

function checkSearch(settings: SearchSettings, given: Partial<SearchSettings>, nameOf: OptionName): void {
  const { search, target } = settings;
  const { name, target: wanted, gates } = searchOf(settings, nameOf);
  if (search === undefined) return;
  const field = nameOf("search");
  if (gates === true && settings.memory !== undefined) {
    const message = `can't go with ${nameOf("memory")}: searches by gates have no bound yet.`;
    throw new PithError("options", message, { place: { field } });
  }
  if (gates === true && settings.bootstrap !== undefined) {
    const message = `can't go with ${nameOf("bootstrap")}: searches by gates don't take resampled prompts yet.`;
    throw new PithError("options", message, { place: { field } });
  }
  if (gates === true && search.options?.["maxKl"] !== undefined && target?.kind !== "accuracy") {
    const message = `counts beside ${nameOf("target-accuracy")} alone.`;
    throw new PithError("options", message, { place: { field: nameOf("search.options.maxKl") } });
  }
  const twice = (["alpha", "maxKl", "passes", "order", "earlyExit"] as const).find(
    (option) => given[option] !== undefined,
  );
  if (twice !== undefined) {
    const advice = `Give ${name}'s own options as ${field}.options.`;
    throw new PithError("options", `can't go with ${nameOf(twice)}.`, { place: { field }, advice });
  }
  if (wanted === "either" || (wanted === "needed") === (target !== undefined)) return;
  const message = target === undefined ? `${name} needs a target.` : `${name} can't search for a target.`;
  throw new PithError("options", message, { place: { field } });
}

function areFormats({ dtype, formats }: SearchSettings): boolean {
  const each = formats.every((format, at) => narrowDtypes.includes(format) && formats.indexOf(format) === at);
  return each && (formats.length === 0 || dtype === "f32");
}

/** @param alpha as the user gave it. */
function checkTarget(
  { search, target, maxKl, passes, earlyExit, bootstrap, components }: SearchSettings,
  alpha: number | undefined,
  nameOf: OptionName,
): void {
  if (target === undefined) return;
  const { kind, value } = target;
  const field = nameOf(`target-${kind}`);
  requireOption(nameOf("target"), kind, targetKinds.includes(kind), "accuracy, kl or size");
  requireNumber(field, value, targetOptions[kind].range);
  const clash = (other: string, why: string) =>
    new PithError("options", `can't go with ${nameOf(other)}: ${why}.`, {
      place: { field },
      advice: "Leave one of them out.",
    });
  if (alpha !== undefined) throw clash("alpha", "a target chooses its own");
  if (passes !== passesOption.initial)
    throw clash("passes", "a search for a target tries again until nothing changes anyway");
  if (earlyExit) throw clash("earlyExit", "a search for a target measures every candidate");
  if (search === undefined && components !== singleComponents.name)
    throw clash("components", "a search for a target tries each component by itself");
  if (bootstrap !== undefined) throw clash("bootstrap", "resampled searches need a fixed alpha");
  if (maxKl !== undefined && kind !== "accuracy") throw clash("maxKl", "only an accuracy leaves the KL open");
}

function checkStabilityOptions({ bootstrap, frequency }: SearchSettings, nameOf: OptionName): void {
  if (bootstrap !== undefined) requireNumber(nameOf("bootstrap"), bootstrap, bootstrapRange);
  if (frequency === undefined) return;
  requireNumber(nameOf("frequency"), frequency, frequencyRange);
  if (bootstrap === undefined) {
    throw new PithError("options", "a frequency is a share of resampled searches, and there are none.", {
      place: { field: nameOf("frequency") },
      advice: `Give the number of searches as well: ${nameOf("bootstrap")} 20, say.`,
    });
  }
}
