/**
 * `npm run bench -- lone-ablations --model FOLDER --task FILE`: what each part costs where it alone is replaced, under
 * four kinds of means, which says why circuits differ with the kind (docs/models.md). It needs prompts of one length.
 * "ends" is no kind of Pith's: the first position, the last, and all between them each have a mean, which tells how much
 * of the gap between pooled and aligned means lies at the position that answers.
 */
import { createEvaluator, type Evaluator } from "../src/discovery/evaluator/evaluator.ts";
import { meanReplacements, type Replacements } from "../src/discovery/replacements.ts";
import type { SearchUnits } from "../src/discovery/search-units.ts";
import { type SearchOptions, search } from "../src/discovery/searches/greedy/search.ts";
import { loadModel } from "../src/jobs/load-model.ts";
import { encodePrompts, tokenIds } from "../src/jobs/prompts.ts";
import { readTask } from "../src/jobs/read-task.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { EncodedExample } from "../src/tasks/encode-task.ts";
import { countKept, wholeCircuit } from "../src/transformer/circuit.ts";
import { circuitSize } from "../src/transformer/circuit-size.ts";
import { componentOf, componentsOfLayer, shapeOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { endsApart } from "./ends-apart.ts";
import { markdownTable } from "./markdown-table.ts";
import { reportEvery } from "./report-every.ts";

export interface LoneAblationsBenchOptions {
  /** A model's folder or GGUF file; left out: nano. */
  readonly model?: string | undefined;
  readonly task: string;
  readonly alpha: number;
  /** How many prompts of each set are used, at most; left out: all. */
  readonly prompts?: number | undefined;
  readonly threads: number;
  readonly json: boolean;
}

export const defaultLoneAblations = { task: "ioi", alpha: 0.02, json: false } as const;

const kinds = ["same", "apart", "ends", "aligned"] as const;
type Kind = (typeof kinds)[number];

interface KindCosts {
  /** KL with everything replaced. */
  readonly everything: number;
  /** For each layer KL with all its heads replaced, and with its MLP replaced. */
  readonly heads: readonly number[];
  readonly mlps: readonly number[];
  /** What the greedy search keeps. */
  readonly circuit: { readonly heads: number; readonly mlps: number; readonly body: number };
  /** KL of that. */
  readonly kl: number;
}

/** All heads of a layer together, and its MLP. */
const halvesOfLayer: SearchUnits = {
  name: "layer-halves",
  sentence: "All heads of a layer together, and its MLP.",
  unitsOf: ({ layer, heads, mlp }) =>
    [componentsOfLayer(layer, { heads, mlp: false }), componentsOfLayer(layer, { heads: [], mlp })].filter(
      (unit) => unit.length > 0,
    ),
};

export async function benchLoneAblations(options: LoneAblationsBenchOptions): Promise<boolean> {
  const model = await loadModel(options.model);
  const runtime = inlineRuntime({ threads: options.threads });
  try {
    const { transformer, tokenizer } = model;
    const settings = { means: "aligned", bos: false, seed: 0 } as const;
    const encoded = encodePrompts(
      await readTask(options.task),
      tokenizer,
      transformer.contextLength,
      settings,
    );
    const first = (examples: readonly EncodedExample[]) => tokenIds(examples).slice(0, options.prompts);
    const patching = first(encoded.patching);
    const means = (kind: "pooled" | "aligned", firstPosition: "same" | "apart") =>
      meanReplacements(runtime, transformer, patching, kind, { firstPosition });
    const aligned = await means("aligned", "same");
    const replacements: Readonly<Record<Kind, Replacements>> = {
      same: await means("pooled", "same"),
      apart: await means("pooled", "apart"),
      ends: endsApart(aligned),
      aligned,
    };
    const costs: Partial<Record<Kind, KindCosts>> = {};
    for (const kind of kinds) {
      const evaluator = await createEvaluator(
        runtime,
        transformer,
        first(encoded.validation),
        replacements[kind],
      );
      costs[kind] = await measureKind(kind, evaluator, transformer, options.alpha);
      await evaluator.close();
    }
    print(costs as Readonly<Record<Kind, KindCosts>>, options);
    return true;
  } finally {
    await runtime.close();
    await model.close();
  }
}

async function measureKind(
  kind: Kind,
  evaluator: Evaluator,
  model: Transformer,
  alpha: number,
): Promise<KindCosts> {
  const report = reportEvery(5);
  const walk = async (what: string, choice: Partial<SearchOptions>) => {
    await evaluator.restart(wholeCircuit(shapeOf(model)));
    return search(evaluator, model, {
      ...{ alpha, mlps: true, order: "published", ...choice },
      onDecision: (_, done, total) => report(`${kind}, ${what}: ${done} of ${total}`),
    });
  };
  const { trace } = await walk("each alone", { units: halvesOfLayer, decide: () => false });
  const { kl: everything } = await walk("everything", { units: halvesOfLayer, decide: () => true });
  const { circuit, kl } = await walk("search", {});
  const kept = countKept(circuit);
  const costsOf = (isMlp: boolean) =>
    trace
      .filter((decision) => (componentOf(decision).kind === "mlp") === isMlp)
      .toSorted((a, b) => a.layer - b.layer)
      .map((decision) => decision.kl);
  return {
    ...{ everything, heads: costsOf(false), mlps: costsOf(true), kl },
    circuit: { heads: kept.head, mlps: kept.mlp, body: circuitSize(model, circuit) },
  };
}

function print(costs: Readonly<Record<Kind, KindCosts>>, { alpha, json }: LoneAblationsBenchOptions): void {
  if (json) {
    console.log(JSON.stringify(costs, null, 2));
    return;
  }
  const row = (title: string, textOf: (own: KindCosts) => string) => [
    title,
    ...kinds.map((kind) => textOf(costs[kind])),
  ];
  const above = (values: readonly number[]) => String(values.filter((value) => value >= alpha).length);
  const halves = ["heads", "mlps"] as const;
  console.log(
    markdownTable(
      ["KL, nats", ...kinds],
      [
        row("everything replaced", ({ everything }) => everything.toFixed(3)),
        row(`layers whose heads cost ${alpha} or more`, ({ heads }) => above(heads)),
        row(`MLPs that cost ${alpha} or more`, ({ mlps }) => above(mlps)),
        row("the search keeps heads", ({ circuit }) => String(circuit.heads)),
        row("MLPs", ({ circuit }) => String(circuit.mlps)),
        row("body, millions", ({ circuit }) => (circuit.body / 1e6).toFixed(1)),
        row("KL of that", ({ kl }) => kl.toFixed(3)),
        ...costs.same.mlps.flatMap((_, layer) =>
          halves.map((half) =>
            row(
              `${half === "heads" ? "heads" : "MLP"} of layer ${layer}`,
              (own) => own[half][layer]?.toFixed(3) ?? "",
            ),
          ),
        ),
      ],
    ),
  );
}
