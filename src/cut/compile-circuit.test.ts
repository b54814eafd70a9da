import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelShapes } from "../../test/support/random-cases.ts";
import { type RandomTransformerOptions, randomTransformer } from "../../test/support/random-transformer.ts";
import { integers, runGraph } from "../../test/support/run-graph.ts";
import { lowerAligned } from "../lowering/aligned.ts";
import { lowerCompiled, type PromptVocabulary } from "../lowering/compiled.ts";
import { fitLength } from "../lowering/fit-length.ts";
import { inlineRuntime } from "../runtime/node-runtime.ts";
import { createRandom } from "../tasks/random.ts";
import { type Circuit, circuitOfLists } from "../transformer/circuit.ts";
import { indicesBelow } from "../transformer/component.ts";
import { countRows, type PositionRows } from "../transformer/position-rows.ts";
import type { FoldedTransformer } from "../transformer/transformer.ts";
import { compileCircuit } from "./compile-circuit.ts";
import { cutCircuit } from "./cut-circuit.ts";

const [layers, heads, vocabulary, length, width, hidden] = [3, 2, 31, 4, 12, 20];

/** Constants at each position, so that one that was lost or joined at the wrong place is seen. */
function constants(rows: PositionRows) {
  const { nextUint32 } = createRandom(11);
  const values = (across: number) =>
    Float64Array.from({ length: countRows(rows) * across }, () => nextUint32() / 2 ** 31 - 1);
  const cache = new Map<string, Float64Array<ArrayBuffer>>();
  const constant = (name: string, across = width) => {
    const known = cache.get(name) ?? values(across);
    cache.set(name, known);
    return { rows, width: across, values: known };
  };
  return {
    rows,
    head: (layer: number, head: number) => constant(`${layer}.${head}`),
    mlp: (layer: number) => constant(`${layer}`),
    neurons: (layer: number) => constant(`neurons ${layer}`, hidden),
    headValues: () => undefined,
  };
}

async function standalone(
  circuit: Circuit,
  tied: boolean,
  rows: PositionRows = { kind: "each", length },
  kind: RandomTransformerOptions = {},
): Promise<FoldedTransformer> {
  const model = randomTransformer({ layers, heads, width, vocabulary, context: 8, tied, ...kind });
  return fitLength(await cutCircuit(model, circuit, constants(rows)), length);
}

async function compiledGraph(model: FoldedTransformer, words: PromptVocabulary) {
  const runtime = inlineRuntime({ threads: 1 });
  const compiled = await compileCircuit(runtime, model, words);
  await runtime.close();
  return lowerCompiled(compiled, "portable");
}

const oneWord: PromptVocabulary = { positions: Array.from({ length }, () => [1]), answers: [2] };

/** Every prompt that can be made of the words, up to a number. */
function promptsOf({ positions }: PromptVocabulary, most = 40): number[][] {
  const all = positions.reduce<number[][]>(
    (prompts, tokens) => prompts.flatMap((prompt) => tokens.map((token) => [...prompt, token])),
    [[]],
  );
  return all.filter((_, index) => index % Math.ceil(all.length / most) === 0);
}

async function expectSame(model: FoldedTransformer, own: PromptVocabulary): Promise<void> {
  const prompts = promptsOf(own);
  const feeds = { input_ids: integers([prompts.length, length], prompts.flat()) };
  const { scores } = await runGraph(await compiledGraph(model, own), feeds);
  const { logits } = await runGraph(lowerAligned(model, length, "portable"), feeds);
  expect(scores?.shape).toEqual([prompts.length, own.answers.length]);
  for (const [prompt] of prompts.entries()) {
    for (const [at, answer] of own.answers.entries()) {
      const expected = logits?.values[prompt * vocabulary + answer] ?? Number.NaN;
      const actual = scores?.values[prompt * own.answers.length + at] ?? Number.NaN;
      expect(Math.abs(actual - expected)).toBeLessThan(1e-4);
    }
  }
}

const tokens = fc.uniqueArray(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 4 });
const ascending = tokens.map((ids) => ids.toSorted((a, b) => a - b));
const words: fc.Arbitrary<PromptVocabulary> = fc.record({
  positions: fc.array(ascending, { minLength: length, maxLength: length }),
  answers: ascending,
});
/** Some neurons of a layer, one at least and not all. */
const neuronsOfLayer = (layer: number) =>
  fc
    .subarray(indicesBelow(hidden), { minLength: 1, maxLength: hidden - 1 })
    .map((neurons): [number, number[]] => [layer, neurons]);

const circuits: fc.Arbitrary<Circuit> = fc
  .record({
    heads: fc.subarray(
      Array.from({ length: layers * heads }, (_, at) => [Math.floor(at / heads), at % heads] as const),
    ),
    mlps: fc.subarray([0, 1, 2]),
    neurons: fc.subarray([0, 1, 2]).chain((inPart) => fc.tuple(...inPart.map(neuronsOfLayer))),
  })
  .map((lists) => circuitOfLists(lists));

describe("a compiled circuit", () => {
  test("gives the standalone's logits of the answers on every prompt of its words", async () => {
    await fc.assert(
      fc.asyncProperty(
        circuits,
        words,
        fc.boolean(),
        fc.constantFrom<PositionRows>({ kind: "one" }, { kind: "apart" }, { kind: "each", length }),
        async (circuit, own, tied, rows) => {
          await expectSame(await standalone(circuit, tied, rows), own);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("does so in layers and with heads of every kind", async () => {
    await fc.assert(
      fc.asyncProperty(
        circuits,
        words,
        modelShapes({ layers: { min: layers, max: layers }, heads: [heads] }),
        fc.constantFrom<PositionRows>({ kind: "one" }, { kind: "apart" }, { kind: "each", length }),
        async (circuit, own, { width: _, vocabulary: __, hidden: ___, tied = true, ...kind }, rows) => {
          await expectSame(await standalone(circuit, tied, rows, kind), own);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each<readonly [string, RandomTransformerOptions]>([
    ["a parallel layer's MLP is part of a table", { arrangement: "parallel" }],
    ["a norm behind the lowest heads stays in the graph", { postNorms: true }],
  ])("%s", async (_, kind) => {
    const circuit = circuitOfLists({ heads: [[1, 0]], mlps: [0, 1] });
    const graph = await compiledGraph(await standalone(circuit, true, undefined, kind), oneWord);
    const names = graph.weights.map(({ value }) => value.name);
    expect(names.some((name) => name.includes("up.weight"))).toBe(kind.arrangement === undefined);
    expect(names.some((name) => name.includes("attention.post"))).toBe(kind.postNorms === true);
  });

  test("refuses a token that was not compiled, wherever it stands and whatever its number", async () => {
    await fc.assert(
      fc.asyncProperty(
        circuits,
        words,
        fc.nat(length - 1),
        fc.oneof(fc.integer({ min: -3, max: vocabulary + 3 }), fc.maxSafeInteger()),
        async (circuit, own, position, stranger) => {
          fc.pre(own.positions[position]?.includes(stranger) === false);
          const graph = await compiledGraph(await standalone(circuit, true), own);
          const known = own.positions.map(([first]) => first ?? 0);
          const prompt = known.with(position, stranger);
          // With a good prompt before it: that one's answer does not cover the other's.
          const feeds = { input_ids: integers([2, length], [...known, ...prompt]) };
          await expect(runGraph(graph, feeds)).rejects.toThrow(/out of data bounds/);
        },
      ),
      { numRuns: 20 },
    );
  });
});
