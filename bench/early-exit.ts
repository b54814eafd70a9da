/**
 * `npm run bench -- early-exit`: what `--early-exit` saves on nano's three tasks at the default α: both searches in
 * turns, three times each. Exit code 1 if a circuit differs.
 */
import { prepareSearch } from "../src/discovery/prepare.ts";
import { alphaOption } from "../src/discovery/searches/greedy/greedy-options.ts";
import { search } from "../src/discovery/searches/greedy/search.ts";
import { PAPER_TASKS } from "../src/experiments/paper-settings.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { summarize } from "../src/measure/latency.ts";
import { workerRuntime } from "../src/runtime/node-runtime.ts";
import { circuitKey } from "../src/transformer/circuit.ts";

const turns = 3;

export async function benchEarlyExit(threads: number): Promise<boolean> {
  const runtime = workerRuntime({ threads });
  const opened = await loadModel();
  const { transformer: model, tokenizer } = opened;
  let same = true;
  for (const name of PAPER_TASKS) {
    const task = await readTask(name, { tokenizer, seed: 0 });
    const encoded = encodePrompts(task, tokenizer, model.contextLength, {
      ...{ means: "aligned", bos: name === "acronyms", seed: 0 },
    });
    const run = async (earlyExit: boolean) => {
      const { evaluator } = await prepareSearch(runtime, model, searchSets(encoded), {
        ablation: "mean",
        means: "aligned",
      });
      const [before, begin] = [runtime.counters.flops, performance.now()];
      const rule = { alpha: alphaOption.initial, mlps: true, order: "published", earlyExit } as const;
      const { circuit, trace } = await search(evaluator, model, rule);
      const milliseconds = performance.now() - begin;
      await evaluator.close();
      const exits = trace.filter(({ atLeast }) => atLeast).length;
      const kept = trace.filter(({ pruned }) => !pruned).length;
      return { key: circuitKey(circuit), milliseconds, flops: runtime.counters.flops - before, exits, kept };
    };
    type Run = Awaited<ReturnType<typeof run>>;
    const pairs: (readonly [Run, Run])[] = [];
    for (let turn = 0; turn < turns; turn++) pairs.push([await run(false), await run(true)] as const);
    const median = (which: 0 | 1) => summarize(pairs.map((pair) => pair[which].milliseconds)).median;
    const [[whole, sooner] = []] = pairs;
    if (whole === undefined || sooner === undefined) continue;
    const isSame = pairs.every((pair) => pair[0].key === pair[1].key);
    same &&= isSame;
    const share = (100 * (1 - sooner.flops / whole.flops)).toFixed(1);
    console.log(
      `${name.padEnd(13)} ${isSame ? "the same circuit" : "ANOTHER CIRCUIT"}; ${sooner.exits} of ${sooner.kept} kept candidates exit early; ${(whole.flops / 1e9).toFixed(1)} GFLOP become ${(sooner.flops / 1e9).toFixed(1)} (${share} % less); candidates ${(median(0) / 1000).toFixed(2)} s become ${(median(1) / 1000).toFixed(2)} s (medians of ${turns})`,
    );
  }
  await runtime.close();
  await opened.close();
  return same;
}
