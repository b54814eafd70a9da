/** Values that no type forbids in JavaScript: the library's jobs refuse them with an error that names the option. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type DistillTaskOptions,
  distill,
  gatherEvidence,
  loadModel,
  type Model,
  type RankOptions,
  rank,
  readTask,
  type Task,
} from "../src/index.ts";

let model: Model;
let task: Task;
beforeAll(async () => {
  model = await loadModel("models/nano");
  task = await readTask("ioi", { tokenizer: model.tokenizer });
});
afterAll(() => model.close());

const refusal = (field: string) =>
  expect.objectContaining({ name: "PithError", code: "options", place: expect.objectContaining({ field }) });

describe("distill", () => {
  test.each<Partial<DistillTaskOptions>>([
    { layers: Number.NaN },
    { layers: 0 },
    { layers: 1.5 },
    { size: Number.NaN },
    { threads: -1 },
    { splitSeed: -1 },
    { epochs: 0 },
    { means: "some" as "pooled" },
  ])("%o", async (options) => {
    const [field = ""] = Object.keys(options);
    await expect(distill(model, task, { size: 1e6, ...options })).rejects.toEqual(refusal(field));
  });
});

test.each([{ random: Number.NaN }, { random: -3 }, { random: 2.5 }, { seed: -1 }, { threads: 0 }])(
  "gatherEvidence %o",
  async (options) => {
    const [field = ""] = Object.keys(options);
    await expect(gatherEvidence("nowhere", { original: model, task, ...options })).rejects.toEqual(
      refusal(field),
    );
  },
);

test.each<RankOptions>([
  { ablation: "some" as "mean" },
  { means: "some" as "pooled" },
  { valueBias: "some" as "kept" },
  { seed: Number.NaN },
  { threads: 0 },
  { device: "abacus" as "cpu" },
  { loss: "some" as "kl" },
  { components: [] },
])("rank %o", async (options) => {
  const [field = ""] = Object.keys(options);
  await expect(rank(model, task, options)).rejects.toEqual(refusal(field));
});
