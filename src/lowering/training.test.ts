import fc from "fast-check";
import { expect, test } from "vitest";
import { checkGradient } from "../../test/support/check-gradient.ts";
import { tensor, weightTensors } from "../../test/support/interpret-graph.ts";
import { modelShapes } from "../../test/support/random-cases.ts";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { floats, integers, runGraph } from "../../test/support/run-graph.ts";
import { found } from "../../test/support/run-model.ts";
import { parts } from "../transformer/parts.ts";
import { lowerAligned } from "./aligned.ts";
import { asFolded } from "./fold-constants.ts";
import { lowerStudent } from "./training.ts";

const models = modelShapes({ layers: { min: 1, max: 2 }, heads: [1, 2, 4] });

test("gives the logits that the model's own graph gives, from all of its weights as they are", async () => {
  await fc.assert(
    fc.asyncProperty(models, fc.integer({ min: 1, max: 4 }), async (shape, length) => {
      const model = randomTransformer(shape);
      const graphs = lowerStudent(model, length, 1);
      const own = new Map(parts(model).map(({ weight }) => [weight.name, weight]));
      expect([...graphs.weights].sort()).toEqual([...own.keys()].sort());
      const prompts = randomPrompts([length, length], shape.vocabulary);
      const ids = integers([2, length], prompts.flat());
      const weights = graphs.weights.map(async (name) => {
        const weight = found(own.get(name));
        return [name, floats(weight.shape, await weight.read())] as const;
      });
      const feeds = { input_ids: ids, ...Object.fromEntries(await Promise.all(weights)) };
      const { logits } = await runGraph(graphs.prediction, feeds);
      const folded = lowerAligned(asFolded(model), length, "portable");
      const expected = found((await runGraph(folded, { input_ids: ids }))["logits"]);
      expect(logits?.shape).toEqual(expected.shape);
      const scale = Math.max(1, ...expected.values.map(Math.abs));
      for (const [at, value] of found(logits).values.entries())
        expect(Math.abs(value - (expected.values[at] ?? Number.NaN)) / scale).toBeLessThan(2e-5);
    }),
    { numRuns: 20 },
  );
});

test("the gradient of the loss, with respect to all weights and at several positions", async () => {
  await fc.assert(
    fc.asyncProperty(models, fc.integer({ min: 1, max: 2 }), fc.nat(), async (shape, scored, seed) => {
      const model = randomTransformer(shape);
      const { training, weights } = lowerStudent(model, 3, scored);
      const values = await weightTensors({
        ...training,
        weights: parts(model).map(({ weight }) => ({
          value: { name: weight.name, type: "float32", shape: weight.shape },
          weight,
        })),
      });
      const prompts = randomPrompts([3, 3], shape.vocabulary, seed);
      await checkGradient(training, {
        ...{ of: "loss", wrt: weights, seed, float32: 2e-4 },
        sizes: { batch: 2, [`${scored}*batch`]: 2 * scored },
        feeds: { ...values, input_ids: tensor([2, 3], prompts.flat()) },
      });
    }),
    { numRuns: 6 },
  );
});
