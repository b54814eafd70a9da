import { describe, expect, test } from "vitest";
import {
  dot,
  naive,
  naiveForward,
  naiveKl,
  naiveReplacements,
  naiveWhole,
  normalized,
  type Vector,
} from "../../test/support/naive-transformer.ts";
import { randomPrompts, randomTransformer } from "../../test/support/random-transformer.ts";
import { floats, integers, runGraph } from "../../test/support/run-graph.ts";
import { found } from "../../test/support/run-model.ts";
import { embedBatches } from "../discovery/embedding.ts";
import { layerFeeds, wholeBlock } from "../discovery/forward.ts";
import { createRandom } from "../tasks/random.ts";
import { scaled } from "../transformer/derive.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { placeFeeds } from "./places.ts";
import {
  gatedLayer,
  removeHead,
  removeHeadSets,
  score,
  scoreReference,
  trialAttention,
  unembedStage,
} from "./stages.ts";

const rowsOf = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));

describe("scores", () => {
  const [rows, width, vocabulary] = [40, 32, 700];

  function randomRows(seed: number): number[] {
    const { nextUint32 } = createRandom(seed);
    return Array.from({ length: rows * width }, () => nextUint32() / 2 ** 31 - 1);
  }

  /** @param spread of the logits: about 3 for 1. */
  function modelOf(spread: number): Transformer {
    const model = randomTransformer({ layers: 1, heads: 1, width, vocabulary, tied: false, seed: 3 });
    return { ...model, unembedding: scaled(model.unembedding, spread) };
  }

  async function naiveLogits(model: Transformer, x: readonly number[]): Promise<Vector[]> {
    const plain = await naive(model);
    return rowsOf(x, width).map((row) => {
      const normed = normalized(row, plain.finalNorm);
      return plain.unembedding.map((direction) => dot(direction, normed));
    });
  }

  test.each([
    { name: "flat", spread: 0.001, nearness: 0.3 },
    { name: "usual, near", spread: 1, nearness: 0.05 },
    { name: "usual, far", spread: 1, nearness: 1 },
    { name: "peaked", spread: 8, nearness: 0.02 },
  ])("KL of $name distributions, against float64", async ({ spread, nearness }) => {
    const model = modelOf(spread);
    // Float32 first, so that both sides read the same numbers.
    const original = [...Float32Array.from(randomRows(1))];
    const change = randomRows(2);
    const candidate = [...Float32Array.from(original, (x, at) => x + nearness * found(change[at]))];
    const constant = [...Float32Array.from(randomRows(4).slice(0, width), (x) => x * nearness)];

    const reference = await runGraph(scoreReference(model), { x: floats([rows, width], original) });
    const target = floats([rows, width], found(reference["target"]).values);
    const crossEntropy = async (x: readonly number[], added: readonly number[]) => {
      const feeds = { x: floats([rows, width], x), constant: floats([1, width], added), target };
      return found((await runGraph(score(model), feeds))["crossEntropy"]).values;
    };
    const entropy = await crossEntropy(
      original,
      constant.map(() => 0),
    );
    const total = await crossEntropy(candidate, constant);

    const p = await naiveLogits(model, original);
    const q = await naiveLogits(
      model,
      candidate.map((x, at) => x + found(constant[at % width])),
    );
    const errors = p.map((row, at) => found(total[at]) - found(entropy[at]) - naiveKl(row, found(q[at])));
    expect(Math.abs(errors.reduce((sum, error) => sum + error, 0) / rows)).toBeLessThan(2e-6);
    // One prompt's: what float32 leaves of the logits, which are as large as the spread makes them.
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1e-5 * Math.max(1, spread));
    const largest = p.map((row) => row.indexOf(Math.max(...row)));
    expect(found(reference["prediction"]).values).toEqual(largest);

    const { logits } = await runGraph(unembedStage(model), { x: floats([rows, width], original) });
    const differences = rowsOf([...found(logits).values], vocabulary).flatMap((row, at) =>
      row.map((logit, token) => Math.abs(logit - found(found(p[at])[token]))),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-5 * Math.max(1, spread));
  });

  test("of a model with itself: no KL at all", async () => {
    const model = modelOf(1);
    const x = floats([rows, width], randomRows(1));
    const reference = await runGraph(scoreReference(model), { x });
    const target = floats([rows, width], found(reference["target"]).values);
    const feeds = { x, target, constant: floats([1, width], new Float32Array(width)) };
    const once = await runGraph(score(model), feeds);
    expect((await runGraph(score(model), feeds))["crossEntropy"]).toEqual(once["crossEntropy"]);
  });
});

describe("a layer", () => {
  const model = randomTransformer({ layers: 1, heads: 3 });
  const { attention, mlp } = wholeBlock(model, 0);
  const { width } = model;
  const prompts = randomPrompts([4, 4, 4], model.vocabularySize);
  const batch = { members: [0, 1, 2], length: 4, ids: prompts };

  /** What each head writes and what the MLP writes, [prompt][head][position]. */
  async function reference() {
    const plain = await naive(model);
    const zero = naiveReplacements(plain, prompts, "zero");
    return prompts.map((ids) => naiveForward(plain, ids, naiveWhole(plain), zero));
  }

  const closeTo = (actual: readonly number[], expected: readonly number[]) => {
    expect(actual).toHaveLength(expected.length);
    const differences = actual.map((value, at) => Math.abs(value - found(expected[at])));
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  };

  test("gatedLayer: gates and constants at each position", async () => {
    const x = found((await embedBatches(model, [batch]))[0]);
    const bias = await attention.output.bias?.read();
    const run = async (heads: readonly number[], mlpGate: number, mlpConstant: readonly number[]) => {
      const outputs = await runGraph(gatedLayer({ attention, mlp }, width, "each"), {
        x,
        ...layerFeeds({ attention, mlp }, 4),
        headGates: floats([3, 1], heads),
        mlpGate: floats([1], [mlpGate]),
        attentionConstant: floats([4, width], Array.from({ length: 4 }, () => [...found(bias)]).flat()),
        mlpConstant: floats([4, width], mlpConstant),
      });
      return { y: found(outputs["y"]).values, mlp: found(outputs["mlp"]).values };
    };
    const constant = Array.from({ length: 4 * width }, (_, at) => at / 10);
    const whole = await run([1, 1, 1], 1, constant);
    const runs = await reference();
    const b2 = found(await mlp.down.bias?.read());
    closeTo(
      whole.mlp,
      runs.flatMap((run) =>
        found(run.mlps[0]).flatMap((row) => row.map((value, at) => value - found(b2[at]))),
      ),
    );
    const embedded = [...(x.data as Float32Array)];
    const withoutBias = (heads: readonly number[], withMlp: boolean, mlpRows: readonly number[]) =>
      runs.flatMap((run, prompt) =>
        Array.from({ length: 4 }, (_, position) =>
          Array.from({ length: width }, (_, column) => {
            const at = (prompt * 4 + position) * width + column;
            const written = heads.map(
              (gate, head) => gate * found(run.heads[0]?.[head]?.[position]?.[column]),
            );
            return (
              found(embedded[at]) +
              written.reduce((sum, value) => sum + value, 0) +
              found(bias?.[column]) +
              (withMlp ? found(mlpRows[at]) : 0) +
              found(constant[position * width + column])
            );
          }),
        ).flat(),
      );
    closeTo(whole.y, withoutBias([1, 1, 1], true, whole.mlp));
    const cut = await run([1, 0, 1], 0, constant);
    closeTo(cut.y, withoutBias([1, 0, 1], false, []));
  });

  test.each(["all", "last"] as const)("trialAttention less removeHead, %s", async (queries) => {
    const x = found((await embedBatches(model, [batch]))[0]);
    const places = placeFeeds([{ attention, queries }], 4);
    const { z, sum } = await runGraph(trialAttention(attention, width, queries), { x, ...places });
    const positions = queries === "all" ? [0, 1, 2, 3] : [3];
    const runs = await reference();
    const embedded = [...(x.data as Float32Array)];
    const expected = (heads: readonly number[]) =>
      runs.flatMap((run, prompt) =>
        positions.flatMap((position) =>
          Array.from({ length: width }, (_, column) => {
            const written = heads.map((head) => found(run.heads[0]?.[head]?.[position]?.[column]));
            return (
              found(embedded[(prompt * 4 + position) * width + column]) +
              written.reduce((total, value) => total + value, 0)
            );
          }),
        ),
      );
    closeTo(found(sum).values, expected([0, 1, 2]));
    const { y } = await runGraph(removeHead(attention, width), {
      base: floats(found(sum).shape, found(sum).values),
      z: floats(found(z).shape, found(z).values),
      head: integers([], [1]),
    });
    closeTo(found(y).values, expected([0, 2]));

    // Three choices: nothing, one head, the two others; each with a constant of its own at every position.
    const headWidth = attention.headWidth;
    const sets = [[], [1], [0, 2]];
    const gates = sets.flatMap((set) =>
      [0, 1, 2].flatMap((head) => Array<number>(headWidth).fill(set.includes(head) ? 1 : 0)),
    );
    const constants = Array.from({ length: 3 * positions.length * width }, (_, at) => at / 100);
    const stacked = await runGraph(removeHeadSets(attention, width, queries === "all" ? "each" : "one"), {
      base: floats(found(sum).shape, found(sum).values),
      z: floats(found(z).shape, found(z).values),
      gone: floats([3, 1, 1, 3 * headWidth], gates),
      constants: floats([3, 1, positions.length, width], constants),
    });
    expect(found(stacked["y"]).shape).toEqual([9, positions.length, width]);
    const size = positions.length * width;
    closeTo(
      found(stacked["y"]).values,
      [[0, 1, 2], [0, 2], [1]].flatMap((heads, choice) =>
        expected(heads).map((value, at) => value + found(constants[choice * size + (at % size)])),
      ),
    );
  });
});
