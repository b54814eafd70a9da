/**
 * Against the golden values of the science layer: an independent float64 reference's losses, gradients and scores on
 * nano (test/golden/science/README.md, with the tolerances: 1e-4 for losses; for scores 1e-3 of the value or 1e-6,
 * whichever is larger).
 */
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { gatesForm } from "../src/discovery/gates/gate-passes.ts";
import { type GatedModel, gateSums } from "../src/discovery/gates/gated-model.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { mean } from "../src/discovery/mean.ts";
import { rankingNamed } from "../src/discovery/rankings/index.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { gateName } from "../src/lowering/gate-stage.ts";
import type { Loss } from "../src/lowering/loss-stages.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { type GateKind, type GateValues, gateKinds, uniformGates } from "../src/transformer/gates.ts";
import { loadNano, tasks } from "./support/export-circuit.ts";
import { found } from "./support/run-model.ts";

interface Golden {
  readonly components: readonly (readonly [layer: number, component: number | "mlp"])[];
  readonly patching_ids: readonly (readonly number[])[];
  readonly validation_ids: readonly (readonly number[])[];
  readonly answers: readonly (readonly number[])[];
  readonly ce_original: number;
  readonly kl_all_mean: number;
  readonly ce_all_mean: number;
  readonly kl_gates_half: number;
  readonly exact_kl: readonly number[];
  readonly exact_ce_increase: readonly number[];
  readonly nap_ce: readonly number[];
  readonly mask_ig_kl_m8: readonly number[];
  readonly mask_ig_kl_m8_weighted: readonly number[];
  readonly mask_ig_ce_m8: readonly number[];
  readonly mask_ig_ce_m8_weighted: readonly number[];
  readonly eap_ig_inputs_ce_m5: readonly number[];
  readonly relp_ce: readonly number[];
  readonly dkl_dgate_half: readonly number[];
  readonly fisher_probe: readonly number[];
  readonly neurons: Readonly<
    Record<string, Readonly<Record<"wifv" | "dkl_dgate_half" | "fisher_probe", readonly number[]>>>
  >;
  readonly circuit: {
    readonly kept_heads: readonly (readonly [layer: number, head: number])[];
    readonly kept_mlps: readonly number[];
    readonly kl: number;
    readonly constant_gradients: readonly {
      readonly layer: number;
      readonly sublayer: "attention" | "mlp";
      readonly norm: number;
      readonly last_position: readonly number[];
      readonly second_last: readonly number[];
    }[];
  };
  readonly neuron_sets: readonly {
    readonly neurons: string;
    readonly heads: string;
    readonly kl: number;
    readonly ce: number;
    readonly top1: readonly number[];
  }[];
}

const runtime = inlineRuntime({ threads: 2 });
afterAll(() => runtime.close());

/** The distance, in units of what is allowed. */
function inTolerances(value: number, golden: number): number {
  return Math.abs(value - golden) / Math.max(1e-6, 1e-3 * Math.abs(golden));
}

function expectScores(values: readonly number[], golden: readonly number[]): void {
  expect(values).toHaveLength(golden.length);
  const worst = Math.max(...values.map((value, at) => inTolerances(value, found(golden[at]))));
  expect(worst).toBeLessThan(1);
}

const bitCount = (value: number) => value.toString(2).replaceAll("0", "").length;

describe.each(tasks)("gates and rankings on nano: %s", async (task) => {
  const golden: Golden = JSON.parse(await readFile(`test/golden/science/nano-${task}.science.json`, "utf8"));
  const nano = await loadNano();
  const means = { neurons: true } as const;
  const replacements = await meanReplacements(runtime, nano, golden.patching_ids, "aligned", means);
  const patching = golden.patching_ids.length;
  const { engine, gated } = openGates(
    runtime,
    nano,
    {
      patching: golden.patching_ids.map((ids) => ({ ids, accepted: [[]] })),
      validation: golden.validation_ids.map((ids, at) => ({ ids, accepted: [found(golden.answers[at])] })),
    },
    gateMeansOf(nano, replacements),
  );
  afterAll(() => gated.close());
  const prompts = golden.validation_ids.map((_, at) => patching + at);
  const ones = uniformGates(gated.shape, 1);
  const none = uniformGates(gated.shape, 0);
  const half = uniformGates(gated.shape, 0.5);

  /** In the order of the golden components. */
  const ofComponents = (values: Partial<GateValues>): readonly number[] =>
    golden.components.map(([layer, place]) =>
      found(place === "mlp" ? values.mlps?.[layer] : values.heads?.[layer]?.[place]),
    );
  const expectNeurons = (values: Partial<GateValues>, key: "wifv" | "dkl_dgate_half" | "fisher_probe") => {
    for (const [layer, own] of Object.entries(golden.neurons)) {
      const all = [...found(values.neurons?.[Number(layer)])];
      expectScores(
        all.filter((_, neuron) => neuron % 2 === 0),
        own[key],
      );
    }
  };
  const expectLoss = async (gates: GateValues, loss: Loss, value: number) =>
    expect(Math.abs(mean(await gated.losses(gates, { loss, prompts })) - value)).toBeLessThan(1e-4);
  const once = takenOnce(gated);
  const score = (name: string, loss: Loss, of: readonly GateKind[]) =>
    rankingNamed(name).score({ engine, gated: once, prompts, of, loss, seed: 0, onProgress() {} });

  test("losses with open, half open and closed gates", async () => {
    await expectLoss(ones, "cross-entropy", golden.ce_original);
    await expectLoss(ones, "kl", 0);
    await expectLoss(none, "kl", golden.kl_all_mean);
    await expectLoss(none, "cross-entropy", golden.ce_all_mean);
    await expectLoss({ ...ones, heads: none.heads, neurons: none.neurons }, "kl", golden.kl_all_mean);
    await expectLoss({ ...half, neurons: ones.neurons }, "kl", golden.kl_gates_half);
  });

  test("gradients of KL with half open gates", async () => {
    const run = { loss: "kl", prompts } as const;
    const components = await gated.gradients(
      { ...half, neurons: ones.neurons },
      { ...run, of: ["heads", "mlps"] },
    );
    expectScores(ofComponents(components.gradients), golden.dkl_dgate_half);
    const withNeurons = await gated.gradients(
      { ...half, mlps: ones.mlps },
      { ...run, of: ["heads", "neurons"] },
    );
    expectNeurons(withNeurons.gradients, "dkl_dgate_half");
    expect(components.losses).toHaveLength(prompts.length);
    expect(Math.abs(mean(components.losses) - golden.kl_gates_half)).toBeLessThan(1e-4);
  });

  test("hard sets of neurons", async () => {
    const wifv = found((await score("wifv", "kl", ["neurons"])).neurons);
    expectNeurons({ neurons: wifv }, "wifv");
    for (const set of golden.neuron_sets) {
      const gates = uniformGates(gated.shape, 1);
      for (const [layer, own] of gates.neurons.entries())
        own.set(neuronSet(set.neurons, layer, found(wifv[layer])));
      if (set.heads.startsWith("odd heads"))
        for (const [layer, own] of gates.heads.entries())
          own.forEach((_, head) => {
            own[head] = layer % 2 === 1 && head % 2 === 1 ? 0 : 1;
          });
      await expectLoss(gates, "kl", set.kl);
      await expectLoss(gates, "cross-entropy", set.ce);
      const predicted = await gated.predictions(gates, { prompts: prompts.slice(0, set.top1.length) });
      expect([...predicted]).toEqual(set.top1);
    }
  });

  test("rankings", async () => {
    const of = ["heads", "mlps"] as const;
    const expectRanking = async (name: string, loss: Loss, values: readonly number[]) =>
      expectScores(ofComponents(await score(name, loss, of)), values);
    await expectRanking("nap", "cross-entropy", golden.nap_ce);
    await expectRanking("mask-ig", "kl", golden.mask_ig_kl_m8);
    await expectRanking("mask-ig-weighted", "kl", golden.mask_ig_kl_m8_weighted);
    await expectRanking("mask-ig", "cross-entropy", golden.mask_ig_ce_m8);
    await expectRanking("mask-ig-weighted", "cross-entropy", golden.mask_ig_ce_m8_weighted);
    await expectRanking("inputs-ig", "cross-entropy", golden.eap_ig_inputs_ce_m5);
    await expectRanking("relp", "cross-entropy", golden.relp_ce);
  });

  test("gradients with respect to constants of the stream, in the circuit of Algorithm 1", async () => {
    const gates = { ...uniformGates(gated.shape, 0), neurons: ones.neurons };
    for (const [layer, head] of golden.circuit.kept_heads) found(gates.heads[layer])[head] = 1;
    for (const layer of golden.circuit.kept_mlps) gates.mlps[layer] = 1;
    const { width } = nano;
    const length = found(golden.validation_ids[0]).length;
    const zeros = nano.blocks.map(() => new Float64Array(length * width));
    const asked = { loss: "kl", of: [], prompts, constants: { heads: zeros, mlps: zeros } } as const;
    const { losses, constants } = await gated.gradients(gates, asked);
    expect(Math.abs(mean(losses) - golden.circuit.kl)).toBeLessThan(1e-4);
    for (const { layer, sublayer, norm, last_position, second_last } of golden.circuit.constant_gradients) {
      const own = [...found(constants?.[sublayer === "attention" ? "heads" : "mlps"][layer])];
      expectScores([Math.hypot(...own)], [norm]);
      expectScores(own.slice((length - 1) * width).slice(0, 4), last_position);
      expectScores(own.slice((length - 2) * width).slice(0, 4), second_last);
    }
    // One vector for all positions has the sum of their gradients.
    const vectors = nano.blocks.map(() => new Float64Array(width));
    const single = await gated.gradients(gates, { ...asked, constants: { heads: vectors, mlps: vectors } });
    const sums = vectors.map((_, layer) =>
      Array.from({ length: width }, (__, at) =>
        Array.from({ length }, (___, row) => found(constants?.mlps[layer]?.[row * width + at])).reduce(
          (a, b) => a + b,
        ),
      ),
    );
    for (const [layer, own] of sums.entries()) expectScores([...found(single.constants?.mlps[layer])], own);
  });

  test("the Fisher probe with the reference's signs", async () => {
    const taken = await engine.take(prompts);
    const sums = gateSums(gated.shape, gateKinds, (value) => value ** 2);
    const signs = (prompt: number) =>
      Float32Array.from({ length: nano.vocabularySize }, (_, token) =>
        bitCount(token + 31 * (prompt - patching)) % 2 === 0 ? 1 : -1,
      );
    const form = gatesForm(engine.tools, ones, taken.batches, gateKinds);
    await engine.differentiate(
      { taken, form },
      { kind: "probe", signs },
      gateKinds.map(gateName),
      sums.visit,
    );
    const squares = sums.divided(prompts.length);
    expectScores(ofComponents(squares), golden.fisher_probe);
    expectNeurons(squares, "fisher_probe");
  });
});

describe("exact single ablation", async () => {
  // One task, since the passes are many; losses of all three are above.
  const golden: Golden = JSON.parse(await readFile("test/golden/science/nano-ioi.science.json", "utf8"));
  const nano = await loadNano();
  const means = gateMeansOf(nano, await meanReplacements(runtime, nano, golden.patching_ids, "aligned"));
  const prompts = golden.validation_ids.map((ids, at) => ({ ids, accepted: [found(golden.answers[at])] }));
  const { engine, gated } = openGates(runtime, nano, { patching: [], validation: prompts }, means);
  afterAll(() => gated.close());

  test.each([
    ["kl", "exact_kl"],
    ["cross-entropy", "exact_ce_increase"],
  ] as const)("%s", async (loss, key) => {
    const { heads, mlps } = await rankingNamed("exact").score({
      ...{ engine, gated, loss, seed: 0 },
      ...{ prompts: [...prompts.keys()], of: ["heads", "mlps"], onProgress() {} },
    });
    for (const [at, [layer, place]] of golden.components.entries()) {
      const value = found(place === "mlp" ? mlps?.[layer] : heads?.[layer]?.[place]);
      expect(Math.abs(value - found(golden[key][at]))).toBeLessThan(1e-4);
    }
  });
});

/** The same model, which takes the gradients at gates that are all alike once: two rankings go along one path. */
function takenOnce(gated: GatedModel): GatedModel {
  const known = new Map<string, ReturnType<GatedModel["gradients"]>>();
  return {
    ...gated,
    gradients(gates, options) {
      const key = [
        options.loss,
        ...options.of,
        gates.heads[0]?.[0],
        gates.mlps[0],
        gates.neurons[0]?.[0],
      ].join();
      const taken = known.get(key) ?? gated.gradients(gates, options);
      known.set(key, taken);
      return taken;
    },
  };
}

/** The gates of a layer's neurons, from the reference's words. */
function neuronSet(words: string, layer: number, wifv: Float64Array): Float64Array {
  const byRule = (keeps: (neuron: number) => boolean) => wifv.map((_, neuron) => Number(keeps(neuron)));
  switch (words) {
    case "j%4==0 removed in every layer":
      return byRule((neuron) => neuron % 4 !== 0);
    case "kept: 100 of largest WIFV in every layer": {
      const order = [...wifv.keys()].sort((one, other) => found(wifv[other]) - found(wifv[one]));
      const kept = new Set(order.slice(0, 100));
      return byRule((neuron) => kept.has(neuron));
    }
    case "layer 1: all removed":
      return byRule(() => layer !== 1);
    case "kept: j < 64*(l+1) in layer l":
      return byRule((neuron) => neuron < 64 * (layer + 1));
    default:
      throw new RangeError(`no neurons are "${words}"`);
  }
}
