/** Options that several searching commands have, each defined once. */
import { Option } from "commander";
import { firstPositionChoices } from "../discovery/first-position.ts";
import { orderOption as order } from "../discovery/searches/greedy/greedy-options.ts";
import { defaultExtractOptions as defaults } from "../jobs/extract/extract-options.ts";
import { cacheKinds } from "../lowering/cache-heads.ts";
import { atMostCores } from "./common-options.ts";
import { parseMemory, parseThreads } from "./option-values.ts";

/** Collects the values of an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []) => [...before, value];

/** "maxKl" → "--max-kl". A graph's operators are its target here, and a chosen search's own options are set. */
export const flagOf = (option: string): string => {
  if (option === "operators") return "--target";
  if (option.startsWith("search.options.")) return `--set ${option.slice("search.options.".length)}`;
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
};

export const modelOption = () =>
  new Option(
    "-m, --model <dir|name>",
    "A model's folder, a GGUF file, or its name on the Hugging Face hub (default: nano)",
  );

/** `--memory` of commands that search. */
export const memoryOption = () =>
  new Option(
    "--memory <size>",
    "A bound of the whole memory, as 3GB or 512MB; what does not fit waits on the disk. Results are the same.",
  ).argParser(parseMemory);

export const tasksOption = () =>
  new Option(
    "-t, --task <name|file>",
    "A built-in task or a task file; again for more (default: the paper's three)",
  ).argParser(collect);

export const ablationsOption = () =>
  new Option("--ablation <list>", "mean, zero, or both.").default("mean,zero");

export const valueBiasOption = () =>
  new Option(
    "--value-bias <kind>",
    "With zero ablation, a pruned head's value bias is removed with it, or kept, as in the published code.",
  )
    .choices(["removed", "kept"])
    .default(defaults.valueBias);

export const mlpsOption = () =>
  new Option("--mlps <list>", "Whether MLPs are tried too: on, off, or both.").default("on,off");

export const meansOption = () =>
  new Option(
    "--means <kind>",
    "A mean for each position, of prompts of one length; or one mean, for any length.",
  )
    .choices(["aligned", "pooled"])
    .default(defaults.means);

export const firstPositionOption = () =>
  new Option(
    "--first-position <how>",
    "With pooled means, the first position has means of its own, or is one as all others (default: auto, apart where it is an attention sink)",
  ).choices(firstPositionChoices);

/** @param unless the value if the option is left out and has no default. */
export const cachesOption = (unless?: string) =>
  new Option(
    "--caches <kind>",
    "With pooled means: as many heads in all caches, which any tool takes; or those that are kept." +
      (unless === undefined ? "" : ` (default: ${unless})`),
  ).choices(cacheKinds);

export const orderOption = () =>
  new Option("--order <order>", order.sentence).choices(order.values).default(order.initial);

export const strictOption = () =>
  new Option("--strict", "Do not search a task of which there is a warning: of how it is written, say.");

export const allowWeakOption = () =>
  new Option(
    "--allow-weak",
    "Search though the original can't do the task: never right, or no more than by chance.",
  );

export const jobsOption = () =>
  new Option("--jobs <count>", "Searches at a time (default: as many as cores and memory allow)");

export const allThreadsOption = () =>
  new Option(
    "--threads <count>",
    "How many threads compute, of all jobs together (default: by the size of the work)",
  ).argParser((text) => atMostCores(parseThreads(text)));
