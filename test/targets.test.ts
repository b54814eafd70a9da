/** Whatever operators a graph is written with, it computes the same: every profile, random circuits. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileCircuit } from "../src/cut/compile-circuit.ts";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { zeroReplacements } from "../src/discovery/replacements.ts";
import { lowerCompiled } from "../src/lowering/compiled.ts";
import { fitLength } from "../src/lowering/fit-length.ts";
import type { OperatorSet } from "../src/lowering/operator-set.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { integers, runGraph } from "./support/run-graph.ts";
import { alignedLogits, decoderLogits, found } from "./support/run-model.ts";

const [layers, heads, length] = [3, 2, 4];
const runtime = inlineRuntime({ threads: 1 });
const circuits = fc
  .record({
    heads: fc.subarray(
      Array.from({ length: layers * heads }, (_, at) => [Math.floor(at / heads), at % heads] as const),
    ),
    mlps: fc.subarray([0, 1, 2]),
  })
  .map(circuitOfLists);

test("portable and onnxruntime give the same logits in the aligned, the decoder and the compiled form", async () => {
  await fc.assert(
    fc.asyncProperty(circuits, fc.nat(1000), async (circuit, seed) => {
      const model = randomTransformer({ layers, heads, seed });
      const cut = await cutCircuit(model, circuit, zeroReplacements(model.width));
      const prompts = randomPrompts(
        Array.from({ length: 5 }, () => length),
        model.vocabularySize,
        seed,
      );
      const ascending = (ids: readonly number[]) => [...new Set(ids)].sort((a, b) => a - b);
      const compiled = await compileCircuit(runtime, fitLength(cut, length), {
        positions: Array.from({ length }, (_, at) => ascending(prompts.map((ids) => found(ids[at])))),
        answers: [2, 7, 19],
      });
      const forms = {
        aligned: (target: OperatorSet) => alignedLogits(runtime, cut, prompts, target),
        decoder: (target: OperatorSet) => decoderLogits(runtime, cut, prompts, target),
        compiled: async (target: OperatorSet) => {
          const feeds = { input_ids: integers([5, length], prompts.flat()) };
          const { scores } = await runGraph(lowerCompiled(compiled, target), feeds);
          return [found(scores).values];
        },
      };
      for (const [name, run] of Object.entries(forms)) {
        const [portable, fused] = [await run("portable"), await run("onnxruntime")];
        const differences = portable.flatMap((row, at) =>
          Array.from(row, (logit, token) => Math.abs(logit - (fused[at]?.[token] ?? Number.NaN))),
        );
        expect(differences.length, name).toBeGreaterThan(0);
        expect(Math.max(...differences), name).toBeLessThan(1e-4);
      }
    }),
    { numRuns: 15 },
  );
});
