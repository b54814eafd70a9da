/**
 * Three steps of learned masks on nano, against an independent float64 reference (`topk_adam` in
 * test/golden/science/README.md, with its tolerances: 1e-4 for losses; for scores and their gradients 1e-3 of the value
 * or 1e-6, whichever is larger).
 */
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { adamStart, adamStep } from "../src/discovery/masks/adam.ts";
import { gateSpaceOf } from "../src/discovery/masks/gate-space.ts";
import { maskModelOf } from "../src/discovery/masks/mask-model.ts";
import { scoreGradient, sizedMask } from "../src/discovery/masks/sized-masks.ts";
import { mean } from "../src/discovery/mean.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { singleComponents } from "../src/discovery/search-units.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { nameInLayer } from "../src/transformer/component.ts";
import { loadNano, tasks } from "./support/export-circuit.ts";

interface Golden {
  readonly components: readonly (readonly [layer: number, component: number | "mlp"])[];
  readonly patching_ids: readonly (readonly number[])[];
  readonly validation_ids: readonly (readonly number[])[];
  readonly topk_adam: readonly {
    readonly fraction: number;
    readonly tau: number;
    readonly kl: number;
    readonly grad_s: readonly number[];
    readonly scores: readonly number[];
  }[];
}

const runtime = inlineRuntime({ threads: 2 });
afterAll(() => runtime.close());

/** The largest distance, in units of what is allowed. */
function worstOf(values: Float64Array, golden: readonly number[]): number {
  expect(values).toHaveLength(golden.length);
  return Math.max(
    ...golden.map(
      (wanted, at) => Math.abs((values[at] ?? Number.NaN) - wanted) / Math.max(1e-6, 1e-3 * Math.abs(wanted)),
    ),
  );
}

describe.each(tasks)("%s", (task) => {
  test("thresholds, losses, gradients and scores of three steps", async () => {
    const model = await loadNano();
    const url = new URL(`golden/science/nano-${task}.science.json`, import.meta.url);
    const golden = JSON.parse(await readFile(url, "utf8")) as Golden;
    const { patching_ids: patching, validation_ids: validation } = golden;
    const replacements = await meanReplacements(runtime, model, patching, "aligned", { neurons: true });
    const withIds = (ids: readonly number[]) => ({ ids, accepted: [[]] });
    const { gated } = openGates(
      runtime,
      model,
      { patching: patching.map(withIds), validation: validation.map(withIds) },
      gateMeansOf(model, replacements),
    );
    const space = gateSpaceOf(model, { units: singleComponents, mlps: true });
    const names = space.units.map(([unit]) => unit && `${unit.layer}.${nameInLayer(unit)}`);
    expect(names).toEqual(
      golden.components.map(([layer, part]) => `${layer}.${part === "mlp" ? part : `head.${part}`}`),
    );
    const masked = maskModelOf(gated, space, { loss: "kl", signal: undefined });
    const prompts = validation.map((_, at) => patching.length + at);
    let state = adamStart(new Float64Array(space.costs.length));
    for (const step of golden.topk_adam) {
      const { mask, threshold } = sizedMask(state.values, space.costs, step.fraction * space.body, 0.5);
      expect(threshold).toBeCloseTo(step.tau, 4);
      expect(Math.abs(mean(await masked.losses(mask, prompts)) - step.kl)).toBeLessThan(1e-4);
      const slope = scoreGradient(mask, await masked.gradient(mask, prompts), space.costs, 0.5);
      expect(worstOf(slope, step.grad_s)).toBeLessThan(1);
      state = adamStep(state, slope, 0.1);
      expect(worstOf(state.values, step.scores)).toBeLessThan(1);
    }
    await gated.close();
  });
});
