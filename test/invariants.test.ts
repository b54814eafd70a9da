/**
 * The laws that make a cut a cut (ARCHITECTURE.md, section 7): the standalone model computes what the patched one does,
 * whatever the profile, the ablation and the circuit.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openFileSource } from "../src/checkpoint/file-source.ts";
import { readSafetensorsHeader } from "../src/checkpoint/safetensors.ts";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import type { StreamConstants } from "../src/discovery/gates/gate-passes.ts";
import { type Replacements, zeroAblation, zeroReplacements } from "../src/discovery/replacements.ts";
import type { Profile } from "../src/export/config-json.ts";
import { shippedTransformer } from "../src/export/ship-model.ts";
import { prepareCircuitFolder } from "../src/export/write-folder.ts";
import { lowerAligned } from "../src/lowering/aligned.ts";
import { withCaches } from "../src/lowering/cache-heads.ts";
import { lowerDecoder } from "../src/lowering/decoder.ts";
import { largestDifference, mostLikely } from "../src/measure/distribution.ts";
import { countParameters } from "../src/measure/parameters.ts";
import { countFlops } from "../src/onnx/flops.ts";
import { createRandom } from "../src/tasks/random.ts";
import { type Circuit, circuitOfLists, wholeCircuit } from "../src/transformer/circuit.ts";
import { indicesBelow, shapeOf } from "../src/transformer/component.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { constantWeight, elementCount, type Weight } from "../src/transformer/weight.ts";
import {
  goldenPrompts,
  goldenReplacements,
  goldenRuns,
  loadNano,
  nanoTokenizer,
  runtime,
  tasks,
  temporaryFolder,
} from "./support/export-circuit.ts";
import { layerNormWeights, positionTable } from "./support/model-parts.ts";
import { naive, naiveForward, naiveReplacements, naiveWhole } from "./support/naive-transformer.ts";
import { modelShapes } from "./support/random-cases.ts";
import {
  type RandomTransformerOptions,
  randomPrompts,
  randomTransformer,
} from "./support/random-transformer.ts";
import {
  alignedLogits,
  decoderLogits,
  decoderStep,
  emptyCache,
  found,
  originalLogits,
  patchedLogits,
  runDecoder,
} from "./support/run-model.ts";
import { makeReplacements, type ReplacementKind } from "./support/run-search.ts";

/** Invariant 1's, for float32. */
const tolerance = 1e-4;

const distance = (a: readonly Float32Array[], b: readonly Float32Array[]): number => {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((row, index) => largestDifference(row, found(b[index]))));
};

const everything = (model: Transformer): Circuit => wholeCircuit(shapeOf(model));

/** Zero ablation in both conventions of a head's value bias. */
type Kind = ReplacementKind | "zero, value biases kept";

const replacementsFor = (model: Transformer, means: Kind): Promise<Replacements> =>
  means === "zero" || means === "zero, value biases kept"
    ? zeroAblation(model, means === "zero" ? "removed" : "kept")
    : makeReplacements(runtime, model, means, randomPrompts([6, 6, 6, 6], model.vocabularySize, 3));

/** Vectors behind every part, as constants that were fitted. */
function someVectors({ blocks, width }: Transformer): StreamConstants {
  const { nextUint32 } = createRandom(7);
  const draw = () => blocks.map(() => Float64Array.from({ length: width }, () => nextUint32() / 2 ** 32));
  return { heads: draw(), mlps: draw() };
}

/**
 * Of a tiny model, how far the standalone logits are from the patched ones in each profile that fits.
 * @param fitted whether vectors join the replacements.
 */
async function disagreement(
  options: RandomTransformerOptions,
  circuit: Circuit,
  means: Kind,
  fitted = false,
): Promise<number> {
  const model = randomTransformer(options);
  const replacements = await replacementsFor(model, means);
  const added = fitted ? someVectors(model) : undefined;
  const standalone = await cutCircuit(model, circuit, replacements, undefined, added);
  const even = randomPrompts([6, 6, 6], model.vocabularySize);
  const differences = [
    distance(
      await patchedLogits(runtime, model, circuit, replacements, even, added),
      await alignedLogits(runtime, standalone, even),
    ),
  ];
  if (means !== "aligned") {
    const uneven = randomPrompts([1, 4, 9, 4], model.vocabularySize);
    differences.push(
      distance(
        await patchedLogits(runtime, model, circuit, replacements, uneven, added),
        await decoderLogits(runtime, standalone, uneven),
      ),
    );
  }
  return Math.max(...differences);
}

describe("invariant 1: standalone = patched, on tiny models", () => {
  const circuits: Readonly<Record<string, Circuit>> = {
    "odd numbers of heads": circuitOfLists({
      heads: [
        [0, 0],
        [0, 2],
        [0, 4],
        [1, 1],
        [2, 0],
        [2, 1],
        [2, 3],
      ],
      mlps: [0, 2],
    }),
    "a layer without heads": circuitOfLists({
      heads: [
        [0, 1],
        [2, 2],
        [2, 3],
      ],
      mlps: [0, 1, 2],
    }),
    "a layer with nothing": circuitOfLists({
      heads: [
        [0, 1],
        [2, 2],
      ],
      mlps: [0, 2],
    }),
    "nothing in the first layer": circuitOfLists({
      heads: [
        [1, 4],
        [2, 2],
      ],
      mlps: [1],
    }),
    "nothing in the last layer": circuitOfLists({
      heads: [
        [0, 4],
        [1, 2],
      ],
      mlps: [0],
    }),
    "heads in the first layer only": circuitOfLists({
      heads: [
        [0, 0],
        [0, 3],
      ],
      mlps: [1, 2],
    }),
    "heads in the last layer only": circuitOfLists({ heads: [[2, 4]], mlps: [] }),
    "MLPs only": circuitOfLists({ heads: [], mlps: [0, 1, 2] }),
    "everything pruned": circuitOfLists({ heads: [], mlps: [] }),
    "some neurons": circuitOfLists({
      heads: [
        [0, 1],
        [2, 2],
      ],
      mlps: [1],
      neurons: [
        [0, [0, 1, 2, 7, 19]],
        [2, [3]],
      ],
    }),
    "all neurons but one, and no heads": circuitOfLists({
      heads: [],
      mlps: [],
      neurons: [0, 1, 2].map((layer) => [layer, indicesBelow(20).filter((neuron) => neuron !== 5 * layer)]),
    }),
    "nothing pruned": everything(randomTransformer({ heads: 5 })),
  };
  for (const means of ["aligned", "pooled", "apart", "zero", "zero, value biases kept"] as const) {
    test.each(Object.entries(circuits))(`${means}: %s`, async (_, circuit) => {
      expect(await disagreement({ heads: 5 }, circuit, means)).toBeLessThan(tolerance);
    });
  }

  test("any circuit of any shape of model", async () => {
    const shape = modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 3, 4] });
    const circuitOf = ({ layers, heads, hidden }: { layers: number; heads: number; hidden: number }) =>
      fc
        .tuple(
          fc.array(fc.boolean(), { minLength: layers * heads, maxLength: layers * heads }),
          fc.array(fc.boolean(), { minLength: layers, maxLength: layers }),
          fc.tuple(
            ...indicesBelow(layers).map((layer) =>
              fc.option(fc.subarray(indicesBelow(hidden))).map((kept) => ({ layer, kept })),
            ),
          ),
        )
        .map(
          ([keptHeads, keptMlps, neurons]): Circuit =>
            circuitOfLists({
              heads: keptHeads.flatMap((kept, at) =>
                kept ? [[Math.floor(at / heads), at % heads] as const] : [],
              ),
              mlps: keptMlps.flatMap((kept, layer) => (kept ? [layer] : [])),
              neurons: neurons.flatMap(({ layer, kept }) => (kept === null ? [] : [[layer, kept] as const])),
            }),
        );
    await fc.assert(
      fc.asyncProperty(
        shape.chain((options) => fc.tuple(fc.constant(options), circuitOf(options))),
        fc.constantFrom<Kind>("aligned", "pooled", "apart", "zero", "zero, value biases kept"),
        fc.boolean(),
        async ([options, circuit], means, fitted) => {
          expect(await disagreement(options, circuit, means, fitted)).toBeLessThan(tolerance);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test("the patched model with pruned neurons is a float64 model's, whatever the model", async () => {
  const shape = modelShapes({ layers: { min: 1, max: 2 }, heads: [1, 2] });
  await fc.assert(
    fc.asyncProperty(
      shape.chain((options) =>
        fc.tuple(fc.constant(options), fc.subarray(indicesBelow(options.hidden), { minLength: 1 })),
      ),
      fc.constantFrom<ReplacementKind>("aligned", "pooled", "apart", "zero"),
      async ([options, kept], means) => {
        const model = randomTransformer(options);
        const circuit = circuitOfLists({ heads: [[0, 0]], mlps: [1], neurons: [[0, kept]] });
        const patching = randomPrompts([6, 6, 6, 6], model.vocabularySize, 3);
        const replacements = await makeReplacements(runtime, model, means, patching);
        const plain = await naive(model);
        const expected = naiveReplacements(plain, patching, means);
        const prompts = randomPrompts([6, 6], model.vocabularySize);
        const rows = prompts.map((ids) =>
          Float32Array.from(naiveForward(plain, ids, circuit, expected).logits),
        );
        expect(
          distance(await patchedLogits(runtime, model, circuit, replacements, prompts), rows),
        ).toBeLessThan(tolerance);
      },
    ),
    { numRuns: 60 },
  );
});

test("the original's logits are a float64 model's, whatever its norms, positions, groups, gates and arrangement", async () => {
  const shape = fc.tuple(
    modelShapes({ layers: { min: 1, max: 3 }, heads: [1, 2, 4] }),
    fc.constantFrom(undefined, 3),
  );
  await fc.assert(
    fc.asyncProperty(shape, async ([options, embeddingScale]) => {
      const scaled = embeddingScale === undefined ? {} : { embeddingScale };
      const model = randomTransformer({ ...options, ...scaled });
      const plain = await naive(model);
      const prompts = randomPrompts([1, 6, 6, 9], model.vocabularySize);
      const nothing = naiveReplacements(plain, [], "zero");
      const expected = prompts.map((ids) => naiveForward(plain, ids, naiveWhole(plain), nothing).logits);
      const rows = expected.map((row) => Float32Array.from(row));
      expect(distance(await originalLogits(runtime, model, prompts), rows)).toBeLessThan(tolerance);
      expect(distance(await decoderLogits(runtime, model, prompts), rows)).toBeLessThan(tolerance);
      const even = [1, 2];
      const aligned = await alignedLogits(
        runtime,
        model,
        even.map((at) => found(prompts[at])),
        "onnxruntime",
      );
      expect(
        distance(
          aligned,
          even.map((at) => found(rows[at])),
        ),
      ).toBeLessThan(tolerance);
    }),
    { numRuns: 60 },
  );
});

test("value biases that are kept are those that loading folds into b_O, as in the published code", async () => {
  const model = randomTransformer({ layers: 2, heads: 3 });
  const folded: Transformer = {
    ...model,
    blocks: await Promise.all(
      model.blocks.map(async (block) => {
        const attention = found(block.attention);
        const [inner = 0, width = 0] = attention.output.weight.shape;
        const bias = await found(attention.value.bias).read();
        const matrix = await attention.output.weight.read();
        const sum = Float64Array.from(await found(attention.output.bias).read());
        for (let at = 0; at < inner * width; at++) {
          sum[at % width] = found(sum[at % width]) + found(bias[Math.floor(at / width)]) * found(matrix[at]);
        }
        const output = constantWeight("b_O and b_V·W_O", [width], Float32Array.from(sum));
        return {
          ...block,
          attention: {
            ...attention,
            value: { weight: attention.value.weight },
            output: { ...attention.output, bias: output },
          },
        };
      }),
    ),
  };
  const circuit: Circuit = circuitOfLists({
    heads: [
      [0, 1],
      [1, 2],
    ],
    mlps: [1],
  });
  const prompts = randomPrompts([5, 5], model.vocabularySize);
  const kept = await patchedLogits(runtime, model, circuit, await zeroAblation(model, "kept"), prompts);
  const published = zeroReplacements(model.width);
  expect(distance(kept, await patchedLogits(runtime, folded, circuit, published, prompts))).toBeLessThan(
    1e-5,
  );
  // The default takes the biases away: another model.
  const removed = await patchedLogits(runtime, model, circuit, await zeroAblation(model), prompts);
  expect(distance(kept, removed)).toBeGreaterThan(1e-2);
});

describe("invariant 1, on nano's golden circuits", () => {
  for (const task of tasks) {
    test(task, async () => {
      const model = await loadNano();
      for (const run of await goldenRuns(task)) {
        const circuit: Circuit = circuitOfLists({ heads: run.kept_heads, mlps: run.kept_mlps });
        const replacements = await goldenReplacements(model, task, run);
        const standalone = await cutCircuit(model, circuit, replacements);
        const prompts = (await goldenPrompts(task, "validation", run.bos)).slice(0, 24);
        const patched = await patchedLogits(runtime, model, circuit, replacements, prompts);
        expect(distance(patched, await alignedLogits(runtime, standalone, prompts))).toBeLessThan(tolerance);
        if (replacements.rows.kind === "each") continue;
        expect(distance(patched, await decoderLogits(runtime, standalone, prompts))).toBeLessThan(tolerance);
      }
    });
  }
});

describe("invariant 2", () => {
  test("an empty prune list gives back the original's logits", async () => {
    const model = randomTransformer({ heads: 3, tied: false });
    const prompts = randomPrompts([5, 5], model.vocabularySize);
    const original = await originalLogits(runtime, model, prompts);
    for (const whole of [model, await cutCircuit(model, everything(model), zeroReplacements(model.width))]) {
      expect(distance(await alignedLogits(runtime, whole, prompts), original)).toBeLessThan(tolerance);
      expect(distance(await alignedLogits(runtime, whole, prompts, "onnxruntime"), original)).toBeLessThan(
        tolerance,
      );
      expect(distance(await decoderLogits(runtime, whole, prompts), original)).toBeLessThan(tolerance);
    }
  });

  test("pruning everything leaves embeddings plus constants", async () => {
    const model = randomTransformer({ vocabulary: 7, width: 4 });
    const replacements = await replacementsFor(model, "aligned");
    const [ids = []] = randomPrompts([6], model.vocabularySize);
    const standalone = await cutCircuit(model, circuitOfLists({ heads: [], mlps: [] }), replacements);
    const logits = found((await alignedLogits(runtime, standalone, [ids]))[0]);

    const row = async (weight: Weight, index: number) =>
      Array.from(await weight.read()).slice(index * model.width, (index + 1) * model.width);
    const sum = [await row(model.tokenEmbedding, found(ids.at(-1))), await row(positionTable(model), 5)];
    for (const [layer, { attention, mlp }] of model.blocks.entries()) {
      sum.push(await row(found(attention?.output.bias), 0));
      const constants = [...found(attention).heads.map((head) => replacements.head(layer, head))];
      for (const { values } of [...constants, replacements.mlp(layer)]) {
        sum.push(Array.from(values.slice(5 * model.width, 6 * model.width)));
      }
      expect(mlp).toBeDefined();
    }
    const x = Array.from({ length: model.width }, (_, at) =>
      sum.reduce((total, each) => total + found(each[at]), 0),
    );
    const mean = x.reduce((a, b) => a + b) / x.length;
    const deviation = Math.sqrt(
      x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length + model.finalNorm.epsilon,
    );
    const final = layerNormWeights(model.finalNorm);
    const [scale, shift] = [await row(final.scale, 0), await row(final.shift, 0)];
    const normed = x.map((value, at) => ((value - mean) / deviation) * found(scale[at]) + found(shift[at]));
    for (const [token, logit] of logits.entries()) {
      const unembedding = await row(model.unembedding, token);
      const expected = normed.reduce((total, value, at) => total + value * found(unembedding[at]), 0);
      expect(Math.abs(logit - expected)).toBeLessThan(tolerance);
    }
  });
});

describe("what is removed is not there", () => {
  test("weights shrink with the heads, norms go with their parts, constants are one a reader at most", async () => {
    const model = randomTransformer({ heads: 5, headWidth: 3, width: 8, hidden: 10, context: 11 });
    const replacements = await replacementsFor(model, "aligned");
    const standalone = await cutCircuit(
      model,
      circuitOfLists({
        heads: [
          [0, 1],
          [2, 0],
          [2, 3],
        ],
        mlps: [2],
      }),
      replacements,
    );
    expect(standalone.contextLength).toBe(6);
    expect(positionTable(standalone).shape).toEqual([6, 8]);
    const [first, second, third] = standalone.blocks;
    expect(first?.attention?.query.weight.shape).toEqual([8, 3]);
    expect(first?.attention?.output).toMatchObject({ weight: { shape: [3, 8] } });
    expect(first?.mlp).toBeUndefined();
    expect(second).toEqual({ attention: undefined, mlp: undefined });
    const { query, key, value } = third?.attention ?? {};
    expect([query, key, value].map((linear) => linear?.bias?.shape)).toEqual([[6], undefined, undefined]);
    const constants = [
      ...[first?.attention, third?.attention, third?.mlp].map((part) => part?.residualBias),
      standalone.finalBias,
    ];
    expect(constants.map((constant) => constant?.shape)).toEqual([undefined, [6, 8], [6, 8], [8]]);
    for (const { attention, mlp } of standalone.blocks) {
      expect([attention?.output.bias, mlp?.down.bias]).toEqual([undefined, undefined]);
    }
  });

  test("pruned neurons leave no columns and rows, and one constant before the next reader", async () => {
    const model = randomTransformer({ layers: 2, width: 8, hidden: 10, gated: true });
    const circuit = circuitOfLists({ heads: [[1, 0]], mlps: [1], neurons: [[0, [2, 3, 9]]] });
    const standalone = await cutCircuit(model, circuit, await replacementsFor(model, "aligned"));
    const { gate, up, down } = found(standalone.blocks[0]?.mlp);
    expect([gate, up, down].map((linear) => linear?.weight.shape)).toEqual([
      [8, 3],
      [8, 3],
      [3, 8],
    ]);
    expect([gate?.bias, up.bias, down.bias].map((bias) => bias?.shape)).toEqual([[3], [3], undefined]);
    const source = await found(model.blocks[0]?.mlp).up.weight.read();
    const columns = (row: number) => [2, 3, 9].map((neuron) => source[10 * row + neuron]);
    expect([...(await up.weight.read())]).toEqual(indicesBelow(8).flatMap(columns));
    expect(standalone.blocks[1]?.attention?.residualBias?.shape).toEqual([6, 8]);
    // By zeros: only b_2 is left before the next reader.
    const zero = await cutCircuit(model, circuit, await replacementsFor(model, "zero"));
    expect(zero.blocks[1]?.attention?.residualBias?.shape).toEqual([8]);
  });

  test("under zero ablation what nothing is left of needs no constant", async () => {
    const model = randomTransformer({ layers: 2 });
    const standalone = await cutCircuit(
      model,
      circuitOfLists({ heads: [[0, 0]], mlps: [0] }),
      zeroReplacements(model.width),
    );
    expect(standalone.contextLength).toBe(model.contextLength);
    expect(found(standalone.blocks[0]?.attention).residualBias).toBeUndefined();
    // Layer 1's b_O, and layer 0's b_2.
    expect(standalone.finalBias?.shape).toEqual([model.width]);
  });

  test("nothing is read before it is asked for, and a component that is not there is refused", async () => {
    const unreadable = (weight: Weight): Weight => ({
      ...weight,
      read: () => Promise.reject(new Error("read too early")),
    });
    const model = randomTransformer();
    const replacements = await replacementsFor(model, "pooled");
    const lazy: Transformer = {
      ...model,
      positions: { kind: "learned", table: unreadable(positionTable(model)) },
      blocks: model.blocks.map(({ attention, mlp }) => ({
        attention: attention && {
          ...attention,
          output: {
            weight: unreadable(attention.output.weight),
            bias: unreadable(found(attention.output.bias)),
          },
        },
        mlp: mlp && { ...mlp, down: { weight: mlp.down.weight, bias: unreadable(found(mlp.down.bias)) } },
      })),
    };
    await cutCircuit(lazy, circuitOfLists({ heads: [[1, 1]], mlps: [0] }), replacements);
    await expect(
      cutCircuit(model, circuitOfLists({ heads: [[0, 9]], mlps: [] }), replacements),
    ).rejects.toThrow("no head 9 in layer 0");
    await expect(cutCircuit(model, circuitOfLists({ heads: [], mlps: [9] }), replacements)).rejects.toThrow(
      "no MLP in layer 9",
    );
    const beyond = circuitOfLists({ heads: [], mlps: [], neurons: [[0, [3, 20]]] });
    await expect(cutCircuit(model, beyond, replacements)).rejects.toThrow("no neuron 20 in layer 0");
  });

  test("only positions that something reads are computed", async () => {
    const model = randomTransformer({
      layers: 4,
      heads: 2,
      headWidth: 4,
      width: 8,
      hidden: 16,
      vocabulary: 10,
    });
    const replacements = zeroReplacements(model.width);
    const flops = async (circuit: Circuit) =>
      countFlops(lowerAligned(await cutCircuit(model, circuit, replacements), 6, "portable"), { batch: 1 });
    const unembedding = 2 * 8 * 10;
    const mlp = 2 * 2 * 8 * 16;
    expect(await flops(circuitOfLists({ heads: [], mlps: [0, 1, 2, 3] }))).toBe(unembedding + 4 * mlp);
    // Keys and values of six positions, one query; scores and z of one row; its W_O.
    const lastHead = 2 * (6 * 8 * 8 + 8 * 4 + 4 * 6 + 6 * 4 + 4 * 8);
    expect(await flops(circuitOfLists({ heads: [[2, 1]], mlps: [1, 2, 3] }))).toBe(
      unembedding + (6 + 1 + 1) * mlp + lastHead,
    );
    const wholeHead = 2 * (6 * 8 * 12 + 6 * 6 * 4 * 2 + 6 * 4 * 8);
    expect(
      await flops(
        circuitOfLists({
          heads: [
            [0, 0],
            [2, 1],
          ],
          mlps: [],
        }),
      ),
    ).toBe(unembedding + wholeHead + lastHead);
  });
});

describe.each(["pooled", "apart"] as const)(
  "invariant 5 and the cache, on standalone decoders, %s means",
  (means) => {
    /** Layers of 2, no and 3 heads. */
    const circuit: Circuit = circuitOfLists({
      heads: [
        [0, 0],
        [0, 4],
        [2, 1],
        [2, 2],
        [2, 3],
      ],
      mlps: [0, 2],
    });
    const prepare = async (cacheHeads?: number) => {
      const original = randomTransformer({ heads: 5, seed: 5 });
      const model = await cutCircuit(original, circuit, await replacementsFor(original, means));
      const caches = cacheHeads === undefined ? undefined : { heads: cacheHeads, headWidth: 5 };
      return { model, session: await runtime.load(withCaches(lowerDecoder(model, "portable"), caches)) };
    };
    const plain = (length: number) => ({
      mask: Array(length).fill(1),
      positions: Array.from({ length }, (_, at) => at),
    });

    const cacheKinds = [
      { caches: "as many heads as the layer keeps", heads: undefined },
      { caches: "as many heads in all layers", heads: 5 },
    ];
    test.each(cacheKinds)(
      "with a cache of $caches, one token or several at a time, as without",
      async ({ heads }) => {
        const { model, session } = await prepare(heads);
        const [prompt = []] = randomPrompts([4], model.vocabularySize);
        const whole = async (ids: readonly number[]) => {
          const { mask, positions } = plain(ids.length);
          const feeds = { ids: [ids], mask: [mask], positions: [positions] };
          const { logits } = await decoderStep(runtime, session, model, feeds, emptyCache(model, 1, heads));
          return found(logits[0]);
        };
        let ids = [...prompt];
        let cache: Parameters<typeof decoderStep>[4] = emptyCache(model, 1, heads);
        for (let step = 0; step < 5; step++) {
          const { mask, positions } = plain(ids.length);
          const known = step === 0 ? 0 : ids.length - 1;
          const feeds = { ids: [ids.slice(known)], mask: [mask], positions: [positions.slice(known)] };
          const result = await decoderStep(runtime, session, model, feeds, cache);
          expect(distance(found(result.logits[0]), (await whole(ids)).slice(known))).toBeLessThan(tolerance);
          cache = result.cache;
          ids = [...ids, mostLikely(found(result.logits[0]?.at(-1)))];
        }
        // Two new tokens at once onto a cache of all but them.
        const first = plain(ids.length - 2);
        const begin = { ids: [ids.slice(0, -2)], mask: [first.mask], positions: [first.positions] };
        const { cache: most } = await decoderStep(
          runtime,
          session,
          model,
          begin,
          emptyCache(model, 1, heads),
        );
        const all = plain(ids.length);
        const rest = { ids: [ids.slice(-2)], mask: [all.mask], positions: [all.positions.slice(-2)] };
        const { logits } = await decoderStep(runtime, session, model, rest, most);
        expect(distance(found(logits[0]), (await whole(ids)).slice(-2))).toBeLessThan(tolerance);
      },
    );

    test.each(cacheKinds)(
      "neither padding on the left nor the prompts beside it change a result: $caches",
      async ({ heads }) => {
        const { model, session } = await prepare(heads);
        const empty = emptyCache(model, 3, heads);
        const prompts = randomPrompts([2, 7, 5], model.vocabularySize);
        const { session: exact } = await prepare();
        const alone = await runDecoder(runtime, exact, model, prompts);
        const length = 7;
        // Padded as transformers.js does: any token, masked, at position 1.
        const padded = (fill: number) => ({
          ids: prompts.map((ids) => [...Array(length - ids.length).fill(fill), ...ids]),
          mask: prompts.map((ids) => [...Array(length - ids.length).fill(0), ...ids.map(() => 1)]),
          positions: prompts.map((ids) => [...Array(length - ids.length).fill(1), ...ids.map((_, at) => at)]),
        });
        const together = await decoderStep(runtime, session, model, padded(0), empty);
        expect(
          distance(
            together.logits.map((rows) => found(rows.at(-1))),
            alone,
          ),
        ).toBeLessThan(tolerance);
        const otherPadding = await decoderStep(runtime, session, model, padded(9), empty);
        expect(
          distance(
            otherPadding.logits.map((rows) => found(rows.at(-1))),
            alone,
          ),
        ).toBeLessThan(tolerance);

        // And a step further, onto the padded cache.
        const next = [3, 4, 5];
        const feeds = padded(0);
        const step = await decoderStep(
          runtime,
          session,
          model,
          {
            ids: next.map((id) => [id]),
            mask: feeds.mask.map((row) => [...row, 1]),
            positions: prompts.map((ids) => [ids.length]),
          },
          together.cache,
        );
        const longer = prompts.map((ids, at) => [...ids, found(next[at])]);
        const expected = await runDecoder(runtime, exact, model, longer);
        expect(
          distance(
            step.logits.map((rows) => found(rows[0])),
            expected,
          ),
        ).toBeLessThan(tolerance);
      },
    );

    test("a model whose constants differ by position is refused", async () => {
      const original = randomTransformer();
      const model = await cutCircuit(
        original,
        circuitOfLists({ heads: [[1, 0]], mlps: [1] }),
        await replacementsFor(original, "aligned"),
      );
      expect(() => lowerDecoder(model, "portable")).toThrow("differs by position");
      expect(() => lowerAligned(model, 7, "portable")).toThrow(
        "a model of 6 positions takes no prompts of 7 tokens",
      );
    });
  },
);

describe("invariant 6: what is counted is what is shipped", () => {
  const circuits: readonly Circuit[] = [
    circuitOfLists({
      heads: [
        [0, 0],
        [2, 1],
      ],
      mlps: [0, 2],
    }),
    circuitOfLists({ heads: [], mlps: [1] }),
    circuitOfLists({ heads: [], mlps: [] }),
    circuitOfLists({
      heads: [[1, 2]],
      mlps: [],
      neurons: [
        [0, [0, 1, 2, 9]],
        [2, [19]],
      ],
    }),
  ];
  for (const means of ["aligned", "pooled", "apart", "zero"] as const) {
    for (const tied of [true, false]) {
      test(`${means}, ${tied ? "tied" : "untied"}`, async () => {
        for (const circuit of circuits) {
          const original = randomTransformer({ tied });
          const model = await cutCircuit(original, circuit, await replacementsFor(original, means));
          const profile: Profile =
            means === "pooled" || means === "apart" ? { kind: "decoder" } : { kind: "aligned", length: 6 };
          const tokenizer = await nanoTokenizer();
          const folder = await prepareCircuitFolder(join(await temporaryFolder(), "circuit"), {
            model,
            profile,
            tokenizer: tokenizer.files,
            specialTokens: { bos: undefined, eos: [] },
          });
          const path = join(folder.directory, "onnx", "model.onnx_data");
          expect(folder.bytes).toBe((await stat(path)).size);
          const source = await openFileSource(path);
          const { tensors } = await readSafetensorsHeader(source);
          await source.close();
          const elements = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
          expect(countParameters(shippedTransformer(model, profile)).total).toBe(elements);
          await folder.discard();
        }
      });
    }
  }
});
