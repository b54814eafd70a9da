/**
 * The learned search with constants that are trained with its masks, on a small random model: what it says of its
 * circuit is what the patched model with these constants has, and an interrupted training goes on where it was.
 */
import { afterAll, expect, test } from "vitest";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { prepareSearch } from "../src/discovery/prepare.ts";
import { headsAndNeurons } from "../src/discovery/search-units.ts";
import { searchNamed } from "../src/discovery/searches/index.ts";
import type { SearchInputs } from "../src/discovery/searches/search.ts";
import { klDivergence } from "../src/measure/distribution.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { bodyShare } from "../src/transformer/circuit-size.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { found, originalLogits, patchedLogits } from "./support/run-model.ts";

const runtime = inlineRuntime({ threads: 1 });
afterAll(() => runtime.close());

const model = randomTransformer({ layers: 2, heads: 2 });
const [patching, validation] = [1, 2].map((seed) =>
  randomPrompts(Array<number>(8).fill(6), model.vocabularySize, seed),
) as [readonly (readonly number[])[], readonly (readonly number[])[]];

async function find(target: SearchInputs["target"], resume: readonly unknown[] = []) {
  const { evaluator, replacements } = await prepareSearch(
    runtime,
    model,
    { patching, validation },
    { ablation: "mean", means: "aligned", neurons: true },
  );
  const withIds = (ids: readonly number[]) => ({ ids, accepted: [[]] });
  const journal = [...resume];
  const outcome = await searchNamed("learned")
    .use({ steps: 50, batch: 4 })
    .run(
      {
        ...{ model, evaluator, replacements, mlps: true, units: headsAndNeurons, target, joint: true },
        ...{ isRight: undefined, seed: 0, signal: undefined, onEvent: () => {} },
        openGates: async () =>
          openGates(
            runtime,
            model,
            { patching: patching.map(withIds), validation: validation.map(withIds) },
            gateMeansOf(model, replacements),
          ),
      },
      async (schema, firstFault) => {
        const resumed = JSON.parse(JSON.stringify(resume)).map((entry: unknown) => schema.parse(entry));
        expect(firstFault(resumed)).toBeUndefined();
        return { resumed, append: async (entry) => void journal.push(entry) };
      },
    );
  await evaluator.close();
  return { outcome, journal, replacements };
}

test("holds a KL with its constants, as the patched model measures it; resumed, it ends the same", async () => {
  const target = { kind: "kl", value: 0.05 } as const;
  const { outcome, journal, replacements } = await find(target);
  const original = await originalLogits(runtime, model, validation);
  const own = await patchedLogits(
    ...([runtime, model, outcome.circuit, replacements, validation, outcome.constants] as const),
  );
  const kls = original.map((row, at) => klDivergence(row, found(own[at])));
  const kl = kls.reduce((sum, each) => sum + each, 0) / kls.length;
  expect(outcome.kl).toBeCloseTo(kl, 5);
  expect(outcome.kl).toBeLessThanOrEqual(target.value);
  expect(outcome.met?.reached.kl).toBe(outcome.kl);
  expect(bodyShare(model, outcome.circuit)).toBeLessThan(1);
  expect(journal.at(-1)).toHaveProperty("constants");
  const resumed = await find(target, journal);
  expect(resumed.outcome).toEqual(outcome);
});

test("holds a size, and fits its constants", async () => {
  const { outcome } = await find({ kind: "size", value: 0.3 });
  expect(bodyShare(model, outcome.circuit)).toBeLessThanOrEqual(0.3);
  expect(outcome.constants?.mlps.at(-1)?.some((value) => value !== 0)).toBe(true);
});
