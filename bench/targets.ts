/**
 * `npm run bench -- targets`: compares a search for a target with the best single α of a sweep on the same
 * prompts, on nano, for each built-in task; prints the tables of docs/targets.md. Counts and accuracies do not
 * depend on the machine, so there is no bar.
 */
import { availableParallelism } from "node:os";
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { patchedGates } from "../src/cut/patched.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { searchesPerTarget, searchForTarget } from "../src/discovery/searches/target/search-for-target.ts";
import type { Target } from "../src/discovery/searches/target/target-options.ts";
import { type AlphaResult, sweep } from "../src/discovery/sweep.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { answerLogits } from "../src/measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, isRight } from "../src/measure/compare.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import { type Circuit, countKept } from "../src/transformer/circuit.ts";
import { bodyShare } from "../src/transformer/circuit-size.ts";
import { markdownTable } from "./markdown-table.ts";

export interface TargetsBenchOptions {
  readonly tasks: readonly string[];
  readonly accuracy: number;
  /** The largest KL, in nats, that a second search for the same accuracy may reach. */
  readonly maxKl: number;
  readonly threads: number;
  readonly json: boolean;
}

export const defaultTargetsBench: TargetsBenchOptions = {
  tasks: ["ioi", "greater-than", "acronyms"],
  accuracy: 0.99,
  maxKl: 0.1,
  threads: availableParallelism(),
  json: false,
};

interface Line {
  readonly task: string;
  readonly how: string;
  readonly circuit: Circuit;
  readonly size: number;
  readonly alpha: number | undefined;
  readonly evaluations: number;
  readonly accuracy: { readonly validation: number; readonly test: number };
  readonly kl: { readonly validation: number; readonly test: number };
}

const rule = { mlps: true, order: "published" } as const;
/** The thresholds of the paper's sweeps. */
const alphas = Array.from({ length: 30 }, (_, index) => 10 ** (-5 + (5 * index) / 29));

export async function benchTargets(options: TargetsBenchOptions): Promise<boolean> {
  const lines: Line[] = [];
  for (const task of options.tasks) lines.push(...(await benchTask(task, options)));
  console.log(options.json ? JSON.stringify(lines, null, 2) : table(lines));
  return true;
}

async function benchTask(
  name: string,
  { accuracy, maxKl, threads }: TargetsBenchOptions,
): Promise<readonly Line[]> {
  const log = (line: string) => process.stderr.write(`${name}: ${line}\n`);
  const checkpoint = await openCheckpoint("models/nano");
  const model = await readTransformer(checkpoint);
  const tokenizer = await loadTokenizer("models/nano");
  const task = await readTask(name, { tokenizer, seed: 0 });
  const encoding = { means: "aligned", bos: task.bos ?? false, seed: 0 } as const;
  const encoded = encodePrompts(task, tokenizer, model.contextLength, encoding);
  const runtime = inlineRuntime({ threads });
  const prepare = () =>
    prepareSearch(runtime, model, searchSets(encoded), { ablation: "mean", means: "aligned" });

  const { evaluator, replacements } = await prepare();
  const right = (index: number, logits: Float32Array): boolean => {
    const example = encoded.validation[index];
    return example !== undefined && isRight(example, logits);
  };
  const original: GiveLogits = (prompts, visit) => answerLogits(runtime, model, prompts, visit);
  const line = async (
    how: string,
    circuit: Circuit,
    evaluations: number,
    alpha: number | undefined,
  ): Promise<Line> => {
    const gates = patchedGates(model, circuit, replacements);
    const own: GiveLogits = (prompts, visit) => answerLogits(runtime, model, prompts, visit, { gates });
    const validation = await evaluateSplit(encoded.validation, own, original);
    const test = await evaluateSplit(encoded.test, own, original);
    return {
      ...{ task: name, how, circuit, alpha, evaluations, size: bodyShare(model, circuit) },
      accuracy: { validation: validation.accuracy, test: test.accuracy },
      kl: { validation: validation.kl ?? Number.NaN, test: test.kl ?? Number.NaN },
    };
  };

  log(`sweep of ${alphas.length} α …`);
  const swept = await sweep(evaluator, model, { alphas, ...rule });
  const byAlpha: (AlphaResult & { readonly held: number; readonly size: number })[] = [];
  for (const result of swept.results) {
    let count = 0;
    await evaluator.measure(result.circuit, (index, logits) => {
      count += Number(right(index, logits));
    });
    const held = count / encoded.validation.length;
    byAlpha.push({ ...result, held, size: bodyShare(model, result.circuit) });
  }
  await evaluator.close();
  const lines: Line[] = [];
  const best = (bound: number) =>
    byAlpha
      .filter(({ held, kl }) => held >= accuracy && kl <= bound)
      .sort((one, other) => one.size - other.size || one.kl - other.kl)[0];

  const target: Target = { kind: "accuracy", value: accuracy };
  for (const bound of [undefined, maxKl]) {
    const also = bound === undefined ? "" : `, --max-kl ${bound}`;
    const chosen = best(bound ?? Number.POSITIVE_INFINITY);
    if (chosen !== undefined)
      lines.push(
        await line(`best α of ${alphas.length}${also}`, chosen.circuit, swept.evaluations, chosen.alpha),
      );
    log(`--target-accuracy ${accuracy}${also} …`);
    const again = await prepare();
    const found = await searchForTarget(again.evaluator, model, {
      ...{ target, ...rule, isRight: right, maxKl: bound },
    });
    await again.evaluator.close();
    if (found.evaluations > searchesPerTarget * found.candidates)
      throw new RangeError("too many evaluations");
    const how = `--target-accuracy ${accuracy}${also}${found.settled ? "" : " (not settled)"}`;
    lines.push(await line(how, found.circuit, found.evaluations, found.alpha));
  }
  await runtime.close();
  await checkpoint.close();
  return lines;
}

function table(lines: readonly Line[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = lines.map(({ task, how, circuit, size, alpha, evaluations, accuracy, kl }) => [
    task,
    how,
    percent(size),
    Object.values(countKept(circuit)).join(" + "),
    percent(accuracy.validation),
    percent(accuracy.test),
    kl.validation.toFixed(3),
    kl.test.toFixed(3),
    String(evaluations),
    alpha === undefined ? "–" : String(Number(alpha.toPrecision(3))),
  ]);
  const head = [
    ...["task", "search", "body", "heads + MLPs", "validation accuracy", "test accuracy"],
    ...["validation KL", "test KL", "evaluations", "α"],
  ];
  return markdownTable(head, rows);
}
