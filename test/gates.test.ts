/**
 * Models with gates on random small models of every norm, activation and arrangement: hard gates give what the naive
 * float64 model gives without the components, and gradients are those that finite differences of the same graphs in
 * float64 give.
 */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { layerFeeds, wholeBlock } from "../src/discovery/forward.ts";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { type GateMeans, gateFeeds } from "../src/discovery/gates/gate-passes.ts";
import type { GatedPrompt } from "../src/discovery/gates/gated-prompt.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { mean } from "../src/discovery/mean.ts";
import { gateStage } from "../src/lowering/gate-stage.ts";
import { type Loss, lossStage } from "../src/lowering/loss-stages.ts";
import { scoreReference } from "../src/lowering/stages.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import type { HostTensor } from "../src/runtime/runtime.ts";
import { createRandom } from "../src/tasks/random.ts";
import { circuitOf, keeps } from "../src/transformer/circuit.ts";
import { type Component, shapeOf } from "../src/transformer/component.ts";
import {
  type GateValues,
  gateKinds,
  gateShapeOf,
  gatesOfLayer,
  uniformGates,
} from "../src/transformer/gates.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { interpretGraph, type Tensor, tensor } from "./support/interpret-graph.ts";
import { naive, naiveForward, naiveKl, naiveReplacements, naiveWhole } from "./support/naive-transformer.ts";
import { modelShapes, promptLengths, searchRules } from "./support/random-cases.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found } from "./support/run-model.ts";
import { makeReplacements, type ReplacementKind } from "./support/run-search.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const shapes = modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 3] });

/** A random model with means of random prompts; prompts of one length where means are aligned. */
async function setting(
  options: Parameters<typeof randomTransformer>[0],
  mixed: readonly number[],
  ablation: ReplacementKind,
) {
  const model = randomTransformer(options);
  const lengths = ablation === "aligned" ? mixed.map(() => found(mixed[0])) : mixed;
  const ids = randomPrompts(lengths, model.vocabularySize);
  const replacements = await makeReplacements(runtime, model, ablation, ids);
  return { model, ids, means: gateMeansOf(model, replacements) };
}

/** Prompts with an accepted answer and a distractor at each of their last one or two positions. */
function withAnswers(ids: readonly (readonly number[])[], vocabulary: number): readonly GatedPrompt[] {
  return ids.map((own, at) => {
    const positions = Math.min(own.length, 1 + (at % 2));
    return {
      ids: own,
      accepted: Array.from({ length: positions }, (_, position) =>
        [(at + position) % vocabulary, (at + position + 2) % vocabulary].slice(0, 1 + (at % 2)),
      ),
      distractors: [(at + 1) % vocabulary],
    };
  });
}

test("hard gates give the naive model's KL without the components", async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      promptLengths(3),
      searchRules.ablation,
      fc.nat(1000),
      async (options, mixed, ablation, seed) => {
        const { model, ids, means } = await setting(options, mixed, ablation);
        const { nextUint32 } = createRandom(seed);
        const reference = await naive(model);
        const kept = componentsOf(model).filter(() => nextUint32() % 2 === 0);
        const circuit = circuitOf(kept, shapeOf(model));
        const replaced = naiveReplacements(reference, ids, ablation);
        const expected = ids.map((own) => {
          const [p, q] = [naiveWhole(reference), circuit].map(
            (each) => naiveForward(reference, own, each, replaced).logits,
          );
          return naiveKl(found(p), found(q));
        });
        const gates = uniformGates(gateShapeOf(model), 1);
        for (const component of componentsOf(model)) {
          if (keeps(circuit, component)) continue;
          if (component.kind === "head") gatesOfLayer(gates, "heads", component.layer)[component.head] = 0;
          else gates.mlps[component.layer] = 0;
        }
        const gated = openGates(
          runtime,
          model,
          { patching: [], validation: withLastAnswer(ids) },
          means,
        ).gated;
        const kls = await gated.losses(gates, { loss: "kl" });
        const whole = await gated.losses(uniformGates(gated.shape, 1), { loss: "kl" });
        await gated.close();
        for (const [prompt, kl] of kls.entries())
          expect(Math.abs(kl - found(expected[prompt]))).toBeLessThan(1e-4);
        for (const kl of whole) expect(Math.abs(kl)).toBeLessThan(1e-5);
      },
    ),
    { numRuns: 30 },
  );
});

test("gradients are those of finite differences in float64, for every loss and kind", async () => {
  const losses = ["kl", "cross-entropy", "logit-difference"] as const;
  await fc.assert(
    fc.asyncProperty(
      shapes,
      promptLengths(3),
      searchRules.ablation,
      fc.constantFrom(...losses),
      fc.nat(1000),
      async (options, mixed, ablation, loss, seed) => {
        const { model, ids, means } = await setting(
          { ...options, vocabulary: Math.max(4, options.vocabulary) },
          mixed,
          ablation,
        );
        const prompts = withAnswers(ids, model.vocabularySize);
        const { nextUint32 } = createRandom(seed);
        const gates = uniformGates(gateShapeOf(model), 1);
        for (const kind of gateKinds)
          for (const layer of model.blocks.keys())
            gatesOfLayer(gates, kind, layer).forEach((_, at, own) => {
              own[at] = 0.2 + nextUint32() / 2 ** 32;
            });
        const gated = openGates(runtime, model, { patching: [], validation: prompts }, means, {
          holds: seed % 2 === 0,
        }).gated;
        const result = await gated.gradients(gates, { loss, of: gateKinds });
        await gated.close();
        const exact = await inFloat64(model, means, prompts, loss);
        expect(Math.abs(mean(result.losses) - (await exact(gates)))).toBeLessThan(1e-4);
        const step = 1e-5;
        for (const kind of gateKinds) {
          const layer = nextUint32() % model.blocks.length;
          const own = gatesOfLayer(gates, kind, layer);
          const at = nextUint32() % own.length;
          const value = found(own[at]);
          own[at] = value + step;
          const above = await exact(gates);
          own[at] = value - step;
          const below = await exact(gates);
          own[at] = value;
          const expected = (above - below) / (2 * step);
          const gradients =
            kind === "mlps" ? result.gradients.mlps?.subarray(layer) : result.gradients[kind]?.[layer];
          const difference = Math.abs(found(gradients?.[at]) - expected);
          expect(difference).toBeLessThan(2e-5 + 1e-3 * Math.abs(expected));
        }
      },
    ),
    { numRuns: 30 },
  );
});

function componentsOf(model: Transformer): readonly Component[] {
  return gateShapeOf(model).heads.flatMap((heads, layer): readonly Component[] => [
    ...Array.from({ length: heads }, (_, head) => ({ kind: "head", layer, head }) as const),
    { kind: "mlp", layer },
  ]);
}

const withLastAnswer = (ids: readonly (readonly number[])[]): readonly GatedPrompt[] =>
  ids.map((own) => ({ ids: own, accepted: [[]] }));

/** The mean loss of any gates, by the same graphs in float64, one prompt after another. */
async function inFloat64(model: Transformer, means: GateMeans, prompts: readonly GatedPrompt[], loss: Loss) {
  const run = async (gates: GateValues, { ids }: GatedPrompt): Promise<Tensor> => {
    let x = await embedding(model, ids);
    for (const layer of model.blocks.keys()) {
      const block = wholeBlock(model, layer);
      const graph = gateStage(block, model.width, { kinds: gateKinds, rows: means.rows.kind });
      const feeds = {
        ...layerFeeds(block, ids.length),
        ...gateFeeds(means, gates, gateKinds, layer, { prompts: 1, length: ids.length }),
      };
      const wide = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, widened(feed)]));
      for (const kind of gateKinds) {
        // Gates are not rounded, so that small steps can be taken.
        const shape = found(wide[`gates.${kind}`]).shape;
        wide[`gates.${kind}`] = tensor(shape, gatesOfLayer(gates, kind, layer));
      }
      x = found((await interpretGraph(graph, { x, ...wide }))["y"]);
    }
    return x;
  };
  const rowsOf = (stream: Tensor, { accepted }: GatedPrompt): Tensor =>
    tensor([accepted.length, model.width], stream.data.slice(-accepted.length * model.width));
  const open = uniformGates(gateShapeOf(model), 1);
  const originals = await Promise.all(prompts.map(async (prompt) => rowsOf(await run(open, prompt), prompt)));
  const ofRows = async (x: Tensor, prompt: GatedPrompt, original: Tensor): Promise<number> => {
    const count = prompt.accepted.length;
    const graph = lossStage(model, loss);
    if (loss === "kl") {
      const target = found((await interpretGraph(scoreReference(model), { x: original }))["target"]);
      const feeds = { target, entropy: tensor([count], new Float64Array(count)) };
      const [here, there] = await Promise.all(
        [x, original].map(async (each) =>
          found((await interpretGraph(graph, { x: each, ...feeds }))["loss"]),
        ),
      );
      return mean(found(here).data) - mean(found(there).data);
    }
    const answers = tokens("answers", "absent", prompt.accepted);
    const distractors = tokens(
      "distractors",
      "absentDistractors",
      prompt.accepted.map(() => prompt.distractors ?? []),
    );
    const feeds = loss === "cross-entropy" ? answers : { ...answers, ...distractors };
    const { data } = found((await interpretGraph(graph, { x, ...feeds }))["loss"]);
    return loss === "cross-entropy" ? mean(data) : found(data[0]);
  };
  return async (gates: GateValues): Promise<number> => {
    const each = prompts.map(async (prompt, at) =>
      ofRows(rowsOf(await run(gates, prompt), prompt), prompt, found(originals[at])),
    );
    return mean(Float64Array.from(await Promise.all(each)));
  };
}

function tokens(name: string, absent: string, rows: readonly (readonly number[])[]) {
  const most = found(rows[0]).length;
  return {
    [name]: tensor([rows.length, most], rows.flat()),
    [absent]: tensor(
      [rows.length, most],
      rows.flat().map(() => 0),
    ),
  };
}

const widened = ({ shape, data }: HostTensor): Tensor =>
  tensor(shape, Array.from<number | bigint, number>(data, Number));

async function embedding(model: Transformer, ids: readonly number[]): Promise<Tensor> {
  const reference = await naive(model);
  return tensor([1, ids.length, model.width], reference.embed(ids).flat());
}
