/**
 * `npm run bench -- smaller`: how small circuits get, and what they cost on fresh prompts. On nano, for the three tasks
 * of the paper and several seeds of their prompts: Algorithm 1, its search for the same KL, and the searches by gates,
 * which may cost no more than Algorithm 1's circuit on prompts that are not the test prompts. Exit code 1 when a bar is
 * missed.
 */
import { readTransformer } from "../src/architectures/index.ts";
import { openCheckpoint } from "../src/architectures/open-checkpoint.ts";
import { patchedGates } from "../src/cut/patched.ts";
import { defaultFitNumbers } from "../src/discovery/fitted/fit-options.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { searchUnitsNamed } from "../src/discovery/search-units.ts";
import { searchNamed } from "../src/discovery/searches/index.ts";
import type { Target } from "../src/discovery/searches/target/target-options.ts";
import type { ConstantsRecord } from "../src/export/constants-record.ts";
import { openTaskGates } from "../src/jobs/open-gates.ts";
import { encodePrompts, searchSets } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { fitTaskConstants } from "../src/jobs/tune/fit-task.ts";
import { answerLogits } from "../src/measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, isRight } from "../src/measure/compare.ts";
import { mostLikely } from "../src/measure/distribution.ts";
import { summarize } from "../src/measure/latency.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { loadTokenizer } from "../src/tokenizer/load-tokenizer.ts";
import { countKept } from "../src/transformer/circuit.ts";
import { circuitSize } from "../src/transformer/circuit-size.ts";

export interface SmallerBenchOptions {
  readonly tasks: readonly string[];
  readonly seeds: readonly number[];
  /** The methods by name, beside Algorithm 1. */
  readonly methods: readonly string[];
  readonly threads: number;
  readonly json: boolean;
}

const alpha = 0.02;

/** A way to find a circuit. */
interface Method {
  readonly name: string;
  readonly search: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly components: string;
  /** Whether it must reach the KL of Algorithm 1's circuit on the validation prompts. */
  readonly targetKl?: boolean;
  /** Left out: means. */
  readonly constants?: ConstantsRecord["kind"];
}

const reference = "Algorithm 1";
const methods: readonly Method[] = [
  { name: reference, search: "greedy", options: { alpha }, components: "heads,mlps" },
  { name: "target, same KL", search: "target", options: {}, components: "heads,mlps", targetKl: true },
  { name: "ranked (fisher)", search: "ranked", options: { alpha }, components: "heads,neurons" },
  { name: "iterative", search: "iterative", options: { alpha }, components: "heads,neurons" },
  { name: "learned", search: "learned", options: { alpha }, components: "heads,neurons" },
  { name: "learned, MLPs whole", search: "learned", options: { alpha }, components: "heads,mlps" },
  {
    ...{ name: "fitted", search: "greedy", options: { alpha }, components: "heads,mlps" },
    constants: "fitted",
  },
  {
    ...{ name: "joint", search: "learned", options: { alpha }, components: "heads,neurons" },
    constants: "joint",
  },
];

export const smallerMethods: readonly string[] = methods.slice(1).map(({ name }) => name);

export const defaultSmallerBench: SmallerBenchOptions = {
  tasks: ["ioi", "greater-than", "acronyms"],
  seeds: [0, 1, 2],
  methods: smallerMethods,
  threads: 1,
  json: false,
};

interface Line {
  readonly task: string;
  readonly seed: number;
  readonly method: string;
  readonly heads: number;
  readonly mlps: number;
  readonly neurons: number;
  /** Weights of the body. */
  readonly body: number;
  /** The body as a share of that of Algorithm 1's circuit of the same prompts. */
  readonly ratio: number;
  readonly kl: { readonly validation: number; readonly test: number };
  /** Where constants were fitted: the KL on the test prompts under plain means. */
  readonly plainKl?: number;
  readonly accuracy: number;
  /** How many different answers it gives to the test prompts, of how many the original gives. */
  readonly different: number;
  readonly seconds: number;
}

/** The largest ratio that is asked for, and the one that is hoped for; by method and task. */
const bars: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  learned: { ioi: 0.25, "greater-than": 0.25, acronyms: 0.33 },
  "learned, MLPs whole": { ioi: 0.6, "greater-than": 1, acronyms: 0.6 },
  joint: { ioi: 0.12, "greater-than": 0.12 },
};
/** Constants that are fitted to Algorithm 1's own circuit: their KL as a share of its own. */
const fittedBar = 0.25;
const mostSeconds = 90;
/** An accuracy may be a point below Algorithm 1's. */
const point = 0.01;

export async function benchSmaller(options: SmallerBenchOptions): Promise<boolean> {
  const lines: Line[] = [];
  for (const task of options.tasks)
    for (const seed of options.seeds) lines.push(...(await benchPrompts(task, seed, options)));
  const verdicts = judge(lines);
  console.log(
    options.json
      ? JSON.stringify({ lines, verdicts }, null, 2)
      : [table(lines), "", medians(lines), "", ...verdicts.map(({ words }) => words)].join("\n"),
  );
  return verdicts.every(({ met }) => met);
}

async function benchPrompts(
  name: string,
  seed: number,
  { threads, methods: asked }: SmallerBenchOptions,
): Promise<readonly Line[]> {
  const checkpoint = await openCheckpoint("models/nano");
  const model = await readTransformer(checkpoint);
  const tokenizer = await loadTokenizer("models/nano");
  const task = await readTask(name, { tokenizer, seed });
  const encoding = { means: "aligned", bos: task.bos ?? false, seed } as const;
  const encoded = encodePrompts(task, tokenizer, model.contextLength, encoding);
  const runtime = inlineRuntime({ threads });
  const original: GiveLogits = (prompts, visit) => answerLogits(runtime, model, prompts, visit);
  const lines: Line[] = [];
  for (const method of methods.filter((each) => each.name === reference || asked.includes(each.name))) {
    const begin = performance.now();
    const { evaluator, replacements } = await prepareSearch(runtime, model, searchSets(encoded), {
      ...{ ablation: "mean", means: "aligned", neurons: true },
    });
    const known = lines[0];
    const target: Target | undefined =
      method.targetKl === true && known !== undefined
        ? { kind: "kl", value: known.kl.validation }
        : undefined;
    const found = await searchNamed(method.search)
      .use(method.options)
      .run({
        ...{ model, evaluator, replacements, mlps: true, units: searchUnitsNamed(method.components) },
        ...{ target, seed, joint: method.constants === "joint", signal: undefined, onEvent: () => {} },
        isRight: (index, logits) => {
          const example = encoded.validation[index];
          return example !== undefined && isRight(example, logits);
        },
        openGates: async () => openTaskGates({ runtime, model, encoded, replacements }),
      });
    await evaluator.close();
    const { circuit } = found;
    const fitted =
      method.constants &&
      (await fitTaskConstants({
        ...{ runtime, model, encoded, circuit, replacements, kind: method.constants },
        ...{ start: found.constants, signal: undefined, onEvent: undefined },
        numbers: { ...defaultFitNumbers, seed },
      }));
    const seconds = (performance.now() - begin) / 1000;
    const answers = new Set<number>();
    const gates = patchedGates(model, circuit, replacements, fitted?.constants);
    const own: GiveLogits = (prompts, visit) =>
      answerLogits(
        runtime,
        model,
        prompts,
        (index, logits) => {
          answers.add(mostLikely(logits));
          visit(index, logits);
        },
        { gates },
      );
    const validation = await evaluateSplit(encoded.validation, own, original);
    answers.clear();
    const test = await evaluateSplit(encoded.test, own, original);
    const { head: heads, mlp: mlps, neuron: neurons } = countKept(circuit);
    const body = circuitSize(model, circuit);
    const line: Line = {
      ...{ task: name, seed, method: method.name, heads, mlps, neurons, body },
      ratio: body / (known?.body ?? body),
      kl: { validation: validation.kl ?? Number.NaN, test: test.kl ?? Number.NaN },
      ...(fitted && { plainKl: fitted.record.plain.kl.test ?? Number.NaN }),
      ...{ accuracy: test.accuracy, different: answers.size, seconds },
    };
    lines.push(line);
    process.stderr.write(`${cells(line).join("  ")}\n`);
  }
  await runtime.close();
  await checkpoint.close();
  return lines;
}

const head = [
  ...["task", "seed", "method", "heads + MLPs (neurons)", "body", "of Algorithm 1's", "validation KL"],
  ...["test KL", "under plain means", "test accuracy", "different answers", "seconds"],
];

function cells(line: Line): readonly string[] {
  const { heads, mlps, neurons, kl } = line;
  return [
    ...[line.task, String(line.seed), line.method],
    `${heads} + ${mlps}${neurons > 0 ? ` (${neurons})` : ""}`,
    ...[`${(line.body / 1e6).toFixed(3)}M`, line.ratio.toFixed(3)],
    ...[kl.validation.toFixed(4), kl.test.toFixed(4), line.plainKl?.toFixed(4) ?? ""],
    line.accuracy.toFixed(3),
    ...[String(line.different), line.seconds.toFixed(1)],
  ];
}

function markdown(names: readonly string[], rows: readonly (readonly string[])[]): string {
  return [names, names.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

const table = (lines: readonly Line[]) => markdown(head, lines.map(cells));

const median = (values: readonly number[]): number => summarize(values).median;

interface Medians {
  readonly task: string;
  readonly method: string;
  readonly ratio: number;
  readonly kl: number;
  readonly accuracy: number;
  readonly seconds: number;
}

function mediansOf(lines: readonly Line[]): readonly Medians[] {
  const tasks = [...new Set(lines.map(({ task }) => task))];
  return tasks.flatMap((task) =>
    [...new Set(lines.map(({ method }) => method))].map((name) => {
      const own = lines.filter((line) => line.task === task && line.method === name);
      return {
        ...{ task, method: name },
        ratio: median(own.map(({ ratio }) => ratio)),
        kl: median(own.map(({ kl }) => kl.test)),
        accuracy: median(own.map(({ accuracy }) => accuracy)),
        seconds: median(own.map(({ seconds }) => seconds)),
      };
    }),
  );
}

function medians(lines: readonly Line[]): string {
  return markdown(
    ["task", "method", "of Algorithm 1's body", "test KL", "test accuracy", "seconds"],
    mediansOf(lines).map(({ task, method, ratio, kl, accuracy, seconds }) => [
      ...[task, method, ratio.toFixed(3), kl.toFixed(4), accuracy.toFixed(3), seconds.toFixed(1)],
    ]),
  );
}

interface Verdict {
  readonly met: boolean;
  readonly words: string;
}

function judge(lines: readonly Line[]): readonly Verdict[] {
  const all = mediansOf(lines);
  return all.flatMap((own) => {
    const most = bars[own.method]?.[own.task];
    const against = all.find((other) => other.task === own.task && other.method === reference);
    const verdict = (met: boolean, words: string): Verdict => ({
      met,
      words: `${met ? "met   " : "MISSED"} ${own.task}, ${own.method}: ${words}`,
    });
    if (own.method === "fitted" && against !== undefined) {
      const share = own.kl / against.kl;
      const words = `median test KL ${own.kl.toFixed(4)}, ${share.toFixed(2)} of Algorithm 1's, bar ${fittedBar}`;
      return [verdict(share <= fittedBar, words)];
    }
    if (most === undefined || against === undefined) return [];
    return [
      verdict(own.ratio <= most, `median body ${own.ratio.toFixed(3)} of Algorithm 1's, bar ${most}`),
      verdict(own.kl <= against.kl, `median test KL ${own.kl.toFixed(4)}, bar ${against.kl.toFixed(4)}`),
      verdict(
        own.accuracy >= against.accuracy - point,
        `median test accuracy ${own.accuracy.toFixed(3)}, bar ${(against.accuracy - point).toFixed(3)}`,
      ),
      ...(own.method === "learned"
        ? [verdict(own.seconds <= mostSeconds, `median ${own.seconds.toFixed(1)} s, bar ${mostSeconds} s`)]
        : []),
    ];
  });
}
