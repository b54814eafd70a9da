/** `npm run bench -- NAME`: runs a benchmark by name. Exit code 1 when a bar is missed. */
import { availableParallelism } from "node:os";
import { benchCircuits, defaultCircuitsBench } from "./circuits.ts";
import { benchCompiled, defaultCompiledBench } from "./compiled.ts";
import { benchDtypes, defaultDtypesBench } from "./dtypes.ts";
import { benchEarlyExit } from "./early-exit.ts";
import { benchExtractMemory, extractShapes } from "./extract-memory.ts";
import { benchFamilies } from "./families.ts";
import { benchFirstPosition, defaultFirstPositionBench } from "./first-position.ts";
import { benchGradients, defaultGradientsBench } from "./gradients.ts";
import { benchLoneAblations, defaultLoneAblations } from "./lone-ablations.ts";
import { publishedShapes } from "./published-circuits.ts";
import { benchRealModel, realModelTasks } from "./real-model.ts";
import { benchSameBytes } from "./same-bytes.ts";
import { benchSearch, defaultSearchBench } from "./search.ts";
import { searchCases } from "./search-cases.ts";
import { benchSizeKl, defaultSizeKlBench } from "./size-kl.ts";
import { benchSmaller, defaultSmallerBench, smallerMethods } from "./smaller.ts";
import { benchSweep, defaultSweepBench } from "./sweep.ts";
import { benchTargets, defaultTargetsBench } from "./targets.ts";
import { benchThreads, defaultThreadsBench } from "./threads.ts";

const [name = "", ...flags] = process.argv.slice(2);
const json = flags.includes("--json");
const optionValue = (flag: string): string | undefined => {
  const at = flags.indexOf(flag);
  return at < 0 ? undefined : flags[at + 1];
};
const numberValue = (flag: string): number | undefined => {
  const text = optionValue(flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) refuse(`${flag} wants a number above 0, not ${text}`);
  return value;
};
const nameValue = (flag: string, names: readonly string[]): string | undefined => {
  const value = optionValue(flag);
  if (value !== undefined && !names.includes(value)) refuse(`${flag} is one of ${names.join(", ")}`);
  return value;
};
const refuse = (message: string): never => {
  console.error(`error: ${message}`);
  process.exit(2);
};
const threadCount = numberValue("--threads");
const threads = threadCount === undefined ? {} : { threads: threadCount };

const benches: Readonly<Record<string, () => Promise<boolean>>> = {
  circuits: () => {
    const only = nameValue(
      "--only",
      publishedShapes.map((shape) => shape.name),
    );
    const budget = numberValue("--budget");
    return benchCircuits({
      ...{ ...defaultCircuitsBench, json, ...threads },
      ...(only !== undefined && { only: [only] }),
      ...(budget !== undefined && { budget }),
    });
  },
  compiled: () => benchCompiled({ ...defaultCompiledBench, json, ...threads }),
  "early-exit": () => benchEarlyExit(threadCount ?? availableParallelism()),
  "extract-memory": () => {
    const shape = nameValue("--shape", extractShapes) as (typeof extractShapes)[number] | undefined;
    return benchExtractMemory({
      ...{ shape: shape ?? "gpt2-large", threads: threadCount ?? availableParallelism(), json },
    });
  },
  families: () => benchFamilies({ json }),
  gradients: () => {
    const pairs = numberValue("--pairs");
    return benchGradients({
      ...defaultGradientsBench,
      json,
      ...threads,
      ...(pairs !== undefined && { pairs }),
    });
  },
  dtypes: () => benchDtypes({ ...defaultDtypesBench, json, ...threads }),
  "real-model": () => {
    const model = optionValue("--model") ?? refuse("--model wants the GGUF file of SmolLM2-135M-Instruct");
    const only = nameValue("--only", realModelTasks);
    return benchRealModel({
      ...{ model, json, maps: optionValue("--maps"), threads: threadCount ?? availableParallelism() },
      tasks: only === undefined ? realModelTasks : [only],
    });
  },
  "first-position": () => {
    const [model, task, prompts] = [optionValue("--model"), optionValue("--task"), numberValue("--prompts")];
    const alphas = optionValue("--alphas")?.split(",").map(Number);
    return benchFirstPosition({
      ...{ ...defaultFirstPositionBench, json, ...threads, model, prompts },
      ...(task !== undefined && { task }),
      ...(alphas !== undefined && { alphas }),
    });
  },
  "lone-ablations": () => {
    const [model, task] = [optionValue("--model"), optionValue("--task")];
    const [prompts, alpha] = [numberValue("--prompts"), numberValue("--alpha")];
    return benchLoneAblations({
      ...{ ...defaultLoneAblations, json, model, prompts, threads: threadCount ?? availableParallelism() },
      ...(task !== undefined && { task }),
      ...(alpha !== undefined && { alpha }),
    });
  },
  "same-bytes": () => benchSameBytes(optionValue("--against") ?? "HEAD~1"),
  search: () => {
    const shape = nameValue("--shape", Object.keys(searchCases)) as keyof typeof searchCases | undefined;
    return benchSearch({ ...defaultSearchBench, json, ...threads, ...(shape !== undefined && { shape }) });
  },
  "size-kl": () => {
    const task = nameValue("--task", defaultSizeKlBench.tasks);
    return benchSizeKl({
      ...{ ...defaultSizeKlBench, json, ...threads, svg: optionValue("--svg") },
      ...(task !== undefined && { tasks: [task] }),
    });
  },
  smaller: () => {
    const task = nameValue("--task", defaultSmallerBench.tasks);
    const seeds = optionValue("--seeds")?.split(",").map(Number);
    const method = nameValue("--method", smallerMethods);
    return benchSmaller({
      ...{ ...defaultSmallerBench, json, ...threads },
      ...(task !== undefined && { tasks: [task] }),
      ...(seeds !== undefined && { seeds }),
      ...(method !== undefined && { methods: [method] }),
    });
  },
  sweep: () => {
    const [pairs, task] = [numberValue("--pairs"), nameValue("--task", defaultSweepBench.tasks)];
    return benchSweep({
      ...{ ...defaultSweepBench, json, ...threads },
      ...(pairs !== undefined && { pairs }),
      ...(task !== undefined && { tasks: [task] }),
    });
  },
  threads: () => benchThreads({ ...defaultThreadsBench, json, ...threads }),
  targets: () => {
    const task = nameValue("--task", defaultTargetsBench.tasks);
    return benchTargets({
      ...{ ...defaultTargetsBench, json, ...threads },
      ...(task !== undefined && { tasks: [task] }),
    });
  },
};
const bench = benches[name];
if (bench === undefined) {
  console.error(
    "usage: npm run bench -- search [--json] [--threads T] [--shape gpt2|smollm2|llama-1b]\n" +
      "       npm run bench -- circuits [--json] [--threads T] [--only NAME] [--budget MS]\n" +
      "       npm run bench -- compiled [--json] [--threads T]\n" +
      "       npm run bench -- dtypes [--json] [--threads T]\n" +
      "       npm run bench -- early-exit [--threads T]\n" +
      "       npm run bench -- extract-memory [--json] [--threads T] [--shape gpt2-large|llama-1b]\n" +
      "       npm run bench -- families [--json]\n" +
      "       npm run bench -- gradients [--json] [--threads T] [--pairs N]\n" +
      "       npm run bench -- real-model --model FILE [--json] [--threads T] [--only TASK] [--maps DIR]\n" +
      "       npm run bench -- first-position [--json] [--threads T] [--model DIR] [--task FILE] [--alphas LIST]\n" +
      "                  [--prompts N]\n" +
      "       npm run bench -- lone-ablations [--json] [--threads T] [--model DIR] [--task FILE] [--alpha A] [--prompts N]\n" +
      "       npm run bench -- same-bytes [--against COMMIT]\n" +
      "       npm run bench -- size-kl [--json] [--threads T] [--task NAME] [--svg FILE]\n" +
      "       npm run bench -- smaller [--json] [--threads T] [--task NAME] [--seeds LIST] [--method NAME]\n" +
      "       npm run bench -- sweep [--json] [--threads T] [--pairs N] [--task NAME]\n" +
      "       npm run bench -- threads [--json] [--threads T]\n" +
      "       npm run bench -- targets [--json] [--threads T] [--task NAME]",
  );
  process.exit(2);
}
process.exitCode = (await bench()) ? 0 : 1;
