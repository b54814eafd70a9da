/**
 * Fitted constants: on random models the KL of the fit is that of the patched and of the standalone model; `pith tune`
 * and the library write a folder that says what was fitted and what it costs under plain means.
 */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cutCircuit } from "../src/cut/cut-circuit.ts";
import { gatherConstants, noConstants, spreadConstants } from "../src/discovery/fitted/constant-places.ts";
import { fitConstants, fitPrompts } from "../src/discovery/fitted/fit-constants.ts";
import { defaultFitNumbers } from "../src/discovery/fitted/fit-options.ts";
import { trainableCircuit } from "../src/discovery/fitted/trainable-circuit.ts";
import { gateMeansOf } from "../src/discovery/gates/gate-means.ts";
import { openGates } from "../src/discovery/gates/open-gates.ts";
import { meanReplacements } from "../src/discovery/replacements.ts";
import { type CircuitFile, extract, gatherEvidence, loadModel, type Model, readTask } from "../src/index.ts";
import { klDivergence } from "../src/measure/distribution.ts";
import { evidenceReport } from "../src/report/terminal-evidence.ts";
import { terminalStyle } from "../src/report/terminal-style.ts";
import { inlineRuntime } from "../src/runtime/node-runtime.ts";
import { formatTaskFile } from "../src/tasks/format-task-file.ts";
import { type Circuit, circuitOfLists, wholeCircuit } from "../src/transformer/circuit.ts";
import { shapeOf } from "../src/transformer/component.ts";
import { gatesOfCircuit } from "../src/transformer/gates.ts";
import type { Transformer } from "../src/transformer/transformer.ts";
import { randomPrompts, randomTransformer } from "./support/random-transformer.ts";
import { runCli } from "./support/run-cli.ts";
import { alignedLogits, decoderLogits, originalLogits, patchedLogits } from "./support/run-model.ts";

const runtime = inlineRuntime({ threads: 1 });
const circuit: Circuit = circuitOfLists({
  heads: [
    [0, 1],
    [2, 0],
  ],
  mlps: [1],
  neurons: [[2, [0, 1, 2, 5, 9]]],
});
const numbers = { ...defaultFitNumbers, steps: 40, batch: 8 };

afterAll(() => runtime.close());

const meanKl = (original: readonly Float32Array[], own: readonly Float32Array[]): number =>
  original.reduce((sum, row, at) => sum + klDivergence(row, own[at] ?? row), 0) / original.length;

async function opened(model: Transformer, means: "aligned" | "pooled", count: number) {
  const prompts = randomPrompts(Array<number>(count).fill(6), model.vocabularySize, 3);
  const replacements = await meanReplacements(runtime, model, prompts, means, { neurons: true });
  const gatedPrompts = prompts.map((ids) => ({ ids, accepted: [[]] }));
  const sets = { patching: gatedPrompts.slice(0, count / 2), validation: gatedPrompts.slice(count / 2) };
  const { gated, engine } = openGates(runtime, model, sets, gateMeansOf(model, replacements));
  const trained = (own: Circuit) => trainableCircuit({ engine, circuit: own, replacements });
  return { prompts, replacements, gated, trained };
}

describe.each(["aligned", "pooled"] as const)("%s means", (means) => {
  test.each([
    ["sequential", {}],
    ["norms behind the parts", { postNorms: true, norm: "rms", positions: "halves" }],
    ["parallel", { arrangement: "parallel", positions: "halves", gated: true }],
  ] as const)("%s: the fit's KL is that of the patched and of the standalone model", async (_, kind) => {
    const model = randomTransformer({ layers: 3, heads: 2, ...kind });
    const { prompts, replacements, gated, trained } = await opened(model, means, 20);
    // Of a few random prompts nothing can be learned about others, so it is held to those that it learns from.
    const all = prompts.map((_, at) => at);
    const sets = { learned: all, held: all };
    const trainable = await trained(circuit);
    const fitted = await fitConstants({ model, trainable, numbers, prompts: sets });
    await gated.close();
    expect(fitted.heldKl.after).toBeLessThan(fitted.heldKl.before);
    expect(fitted).toMatchObject({ learned: 20, held: 20, steps: 40 });
    const original = await originalLogits(runtime, model, prompts);
    const patched = await patchedLogits(runtime, model, circuit, replacements, prompts, fitted.constants);
    expect(meanKl(original, patched)).toBeCloseTo(fitted.heldKl.after, 5);
    expect(meanKl(original, await patchedLogits(runtime, model, circuit, replacements, prompts))).toBeCloseTo(
      fitted.heldKl.before,
      5,
    );
    const standalone = await cutCircuit(model, circuit, replacements, undefined, fitted.constants);
    const shipped =
      means === "aligned"
        ? await alignedLogits(runtime, standalone, prompts)
        : await decoderLogits(runtime, standalone, prompts);
    expect(meanKl(original, shipped)).toBeCloseTo(fitted.heldKl.after, 4);
  });
});

describe("what a fit can't do", () => {
  const model = randomTransformer({ layers: 3, heads: 2 });

  test("a circuit that keeps all has no vector, and takes no step", async () => {
    const { gated, trained } = await opened(model, "aligned", 4);
    const trainable = await trained(wholeCircuit(shapeOf(model)));
    const fitted = await fitConstants({ model, trainable, numbers, prompts: fitPrompts(4) });
    await gated.close();
    expect(fitted).toMatchObject({ vectors: 0, steps: 0, best: 0, constants: noConstants(model) });
  });

  test("a fit that gains nothing ends early, and gives the means back", async () => {
    const { gated, trained } = await opened(model, "aligned", 4);
    const trainable = await trained(circuit);
    const fitted = await fitConstants({
      ...{ model, prompts: fitPrompts(4), numbers: { ...numbers, steps: 200, rate: 0.1 } },
      trainable: {
        ...trainable,
        // It leads uphill.
        gradient: async (values, prompts) =>
          (await trainable.gradient(values, prompts)).map((value) => -value),
      },
    });
    await gated.close();
    expect(fitted).toMatchObject({ steps: 60, best: 0, constants: noConstants(model) });
    expect(fitted.heldKl.after).toBe(fitted.heldKl.before);
  });

  test("one prompt, and a gradient that is no number, are errors in words", async () => {
    expect(() => fitPrompts(1)).toThrow("there is one prompt");
    const { gated, trained } = await opened(model, "aligned", 4);
    const trainable = await trained(circuit);
    const broken = {
      ...trainable,
      gradient: async (values: Float64Array) => values.map(() => Number.NaN),
    };
    await expect(fitConstants({ model, trainable: broken, numbers, prompts: fitPrompts(4) })).rejects.toThrow(
      "the gradient of the loss with respect to the constants is not a number",
    );
    await gated.close();
  });

  test("gradients and losses are those of the model with gates", async () => {
    const { gated, trained } = await opened(model, "aligned", 6);
    const trainable = await trained(circuit);
    const values = Float64Array.from(
      { length: trainable.places.length * model.width },
      (_, at) => Math.sin(at) / 5,
    );
    const constants = spreadConstants(model, trainable.places, values);
    const gates = gatesOfCircuit(gated.shape, circuit);
    const prompts = [0, 2, 5];
    const expected = await gated.gradients(gates, { loss: "kl", of: [], prompts, constants });
    const [losses, gradient] = [
      await trainable.losses(values, prompts),
      await trainable.gradient(values, prompts),
    ];
    for (const [at, loss] of losses.entries()) expect(loss).toBeCloseTo(expected.losses[at] ?? 0, 4);
    const slopes = gatherConstants(trainable.places, expected.constants ?? noConstants(model));
    for (const [at, slope] of gradient.entries()) expect(slope).toBeCloseTo(slopes[at] ?? Number.NaN, 4);
    await gated.close();
  });
});

describe("pith tune", () => {
  let place: string;
  let nano: Model;
  let task: string;
  const read = async (folder: string): Promise<CircuitFile> =>
    JSON.parse(await readFile(join(place, folder, "circuit.json"), "utf8"));
  const bytesOf = async (folder: string) => (await stat(join(place, folder, "onnx/model.onnx_data"))).size;

  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), "pith-tune-"));
    nano = await loadModel();
    const counts = { patching: 20, validation: 20, test: 20 };
    const { examples } = await readTask("greater-than", { tokenizer: nano.tokenizer, counts });
    task = join(place, "years.jsonl");
    await writeFile(task, formatTaskFile(examples));
    const options = { alpha: 0.05, threads: 1 };
    await extract(nano, await readTask(task), join(place, "years"), options);
    const zero = { ...options, ablation: "zero", alpha: 10 } as const;
    await extract(nano, await readTask(task), join(place, "zero"), zero);
  });

  afterAll(async () => {
    await nano.close();
    await rm(place, { recursive: true, force: true });
  });

  test("writes a circuit of the same components and bytes, nearer to the original, and both KLs", async () => {
    const args = ["tune", "years", "--task", task, "--steps", "30", "--batch", "16", "--json"];
    const { code, stdout, stderr } = await runCli(args, place);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const [before, after] = [await read("years"), await read("years-tuned")];
    expect(JSON.parse(stdout).circuit.constants).toEqual(after.constants);
    expect(after.kept).toEqual(before.kept);
    expect(after.search).toEqual(before.search);
    expect(await bytesOf("years-tuned")).toBe(await bytesOf("years"));
    const { kind, plain, prompts, steps, batch, heldKl } = after.constants ?? {};
    expect({ kind, prompts, steps, batch }).toEqual({
      ...{ kind: "fitted", prompts: { learned: 32, held: 8 }, steps: 30, batch: 16 },
    });
    expect(heldKl?.after).toBeLessThan(0.6 * (heldKl?.before ?? 0));
    // Under plain means it is the circuit that it was.
    for (const split of ["validation", "test"] as const) {
      expect(plain?.kl[split]).toBeCloseTo(before.metrics.kl[split] ?? Number.NaN, 5);
      expect(plain?.accuracy[split]).toBe(before.metrics.accuracy[split]?.circuit);
      expect(after.metrics.kl[split]).toBeLessThan(0.7 * (before.metrics.kl[split] ?? 0));
    }
    expect(after.metrics.verified).toBeLessThan(1e-4);
  });

  test("inspect, eval, the model card and evidence say that constants were fitted", async () => {
    const after = await read("years-tuned");
    const inspected = (await runCli(["inspect", "years-tuned"], place)).stdout;
    expect(inspected).toMatch(/mean ablation, .*fitted\s+constants/);
    expect(inspected).toContain("fitted to the finished circuit");
    expect(inspected).toMatch(/under plain means its KL is/);
    expect(inspected).toMatch(/no evidence of a\s+mechanism/);
    const evaluated = await runCli(["eval", "years-tuned", "--task", task], place);
    expect(evaluated.stdout).toContain("under plain means its KL is");
    const card = await readFile(join(place, "years-tuned/README.md"), "utf8");
    expect(card).toContain("**Its constants were fitted.**");
    expect(card).toContain("… under plain means");
    const evidence = await gatherEvidence(join(place, "years-tuned"), {
      ...{ original: nano, task: await readTask(task), random: 2, threads: 1 },
    });
    expect(evidence.constants).toEqual({ kind: "fitted", kl: after.metrics.kl.test });
    expect(evidence.circuit.kl).toBeCloseTo(after.constants?.plain.kl.test ?? Number.NaN, 4);
    expect(evidenceReport(evidence, terminalStyle({ width: 80 }))).toMatch(
      /constants were fitted, and are\s+no evidence/,
    );
  });

  test("a tuned circuit is compiled, and may be replaced by itself", async () => {
    const compiled = await runCli(["compile", "years-tuned", "--task", task, "--out", "words"], place);
    expect(compiled.stderr).toBe("");
    expect((await read("words")).constants?.kind).toBe("fitted");
    const again = ["tune", "years-tuned", "--task", task, "--steps", "2", "--batch", "4"];
    const refused = await runCli([...again, "--out", "years-tuned"], place);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("exists already");
    const replaced = await runCli([...again, "--out", "years-tuned", "--force"], place);
    expect(replaced.code).toBe(0);
    expect((await read("years-tuned")).constants?.steps).toBe(2);
    const words = await runCli(["tune", "words", "--task", task], place);
    expect(words.code).toBe(2);
    expect(words.stderr).toContain("is compiled");
  });

  test("what can't be tuned is refused in words", async () => {
    const zero = await runCli(["tune", "zero", "--task", task], place);
    expect(zero.code).toBe(2);
    expect(zero.stderr).toContain("was cut with zero ablation, so it has no means that could be fitted");
    const other = await runCli(["tune", "years", "--task", "ioi"], place);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("is not the task that");
    const steps = await runCli(["tune", "years", "--task", task, "--steps", "0"], place);
    expect(steps.code).toBe(2);
    expect(steps.stderr).toContain("--steps");
  });

  test("extract fits constants after its search, and with the masks of the learned one", async () => {
    const options = { threads: 1, force: true, allowWeak: true } as const;
    const few = await readTask("greater-than", {
      ...{ tokenizer: nano.tokenizer, counts: { patching: 8, validation: 8, test: 8 } },
    });
    // At this α all is pruned, and the unembedding alone reads a constant.
    const all = await extract(nano, few, join(place, "all"), { ...options, alpha: 10, constants: "fitted" });
    const { constants, metrics } = all.circuit;
    expect(constants).toMatchObject({ kind: "fitted", vectors: 1, prompts: { learned: 12, held: 4 } });
    // What twelve prompts teach may be worth nothing to the others: then the means stay.
    expect(constants?.heldKl.after).toBeLessThanOrEqual(constants?.heldKl.before ?? 0);
    expect(metrics.verified).toBeLessThan(1e-4);
    const joint = await extract(nano, few, join(place, "joint"), {
      ...{ ...options, constants: "joint", target: { kind: "size", value: 0.02 } },
      search: { name: "learned", options: { steps: 10, batch: 4 } },
    });
    expect(joint.circuit.constants?.kind).toBe("joint");
    expect(joint.circuit.target?.reached.size).toBeLessThanOrEqual(0.02);
    expect(joint.circuit.target?.reached.kl).toBe(joint.circuit.metrics.kl.validation);
    expect(joint.circuit.metrics.verified).toBeLessThan(1e-4);
  });
});
