/** Models of other kinds in the studio: GGUF files, and heads that share keys and values. */
import { copyFile, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordsOf } from "../src/discovery/searches/decision.ts";
import type {
  Estimate,
  ExamplesResult,
  KnockResult,
  ModelSummary,
  RunDetail,
  RunSummary,
  TaskSource,
} from "../src/server/api.ts";
import { listsOf } from "../src/transformer/circuit.ts";
import { nameInModel, nameOfRecord } from "../src/transformer/component.ts";
import { unitsOfRun } from "../web/data/units-of-run.ts";
import { found } from "./support/run-model.ts";
import { type OpenStudio, openStudio } from "./support/studio-client.ts";

let folder: string;
let studio: OpenStudio;
const taskOf = async (family: string): Promise<TaskSource> => ({
  ...{ kind: "text", name: "words", format: "jsonl" },
  text: await readFile(`test/families/${family}/task.jsonl`, "utf8"),
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-studio-models-"));
  await copyFile("test/gguf/smollm3.gguf", join(folder, "mine.gguf"));
  await cp("test/families/llama", join(folder, "llama"), { recursive: true });
  studio = await openStudio({ roots: [folder] });
});
afterAll(async () => {
  await studio.close();
  await rm(folder, { recursive: true, force: true });
});

const options = {
  ...{ alpha: 0.05, ablation: "mean", mlps: true, means: "aligned", order: "published", seed: 0 },
  allowWeak: true,
};
const run = async (model: string, family: string, more: object = {}) => {
  const request = { kind: "extract", model, task: await taskOf(family), options: { ...options, ...more } };
  const { id } = await studio.post<RunSummary>("/api/runs", request);
  const detail = await studio.until(id, "done", "failed");
  expect([detail.state, detail.error]).toEqual(["done", undefined]);
  return { id, detail };
};

it("opens a GGUF file by its path, and searches it", async () => {
  const model = await studio.post<ModelSummary>("/api/models", { model: "mine.gguf" });
  expect(model).toMatchObject({ model: "mine.gguf", name: "mine", grouped: true });
  const body = { model: model.model, task: await taskOf("smollm3"), options };
  expect((await studio.post<Estimate>("/api/estimate", body)).candidates).toBe(
    model.heads.reduce((sum, heads) => sum + heads + 1, 0),
  );
  const { id, detail } = await run(model.model, "smollm3");
  expect(detail.circuit?.model.files).toEqual([expect.objectContaining({ name: "mine.gguf" })]);
  // The laboratory opens the original and the circuit again.
  const { splits } = await studio.get<ExamplesResult>(`/api/runs/${id}/examples`);
  expect(splits.validation?.kl).toBeGreaterThan(0);
  const [line = ""] = (await readFile("test/families/smollm3/task.jsonl", "utf8")).split("\n");
  const knocked = await studio.post<KnockResult>(`/api/runs/${id}/knock`, {
    prompt: JSON.parse(line).prompt,
    ...listsOf(found(detail.circuit).kept),
  });
  expect(knocked.top).toHaveLength(10);
});

it("tries heads that share keys and values together, and says what is on trial", async () => {
  const { detail } = await run("llama", "llama", { components: "kv-groups" });
  expect(detail.circuit?.triedAs).toBe("kv-groups");
  const names = (detail: RunDetail) => unitsOfRun(detail).map((unit) => unit.map(nameInModel));
  expect(names(detail)).toEqual(detail.decisions.map((one) => recordsOf(one).map(nameOfRecord)));
  expect(detail.total).toBe(names(detail).length);
  expect(names(detail)[0]).toHaveLength(3);
  // Each by itself, it is more.
  const task = await taskOf("llama");
  const single = await studio.post<Estimate>("/api/estimate", { model: "llama", task, options });
  const grouped = { model: "llama", task, options: { ...options, components: "kv-groups" } };
  expect([single.candidates, (await studio.post<Estimate>("/api/estimate", grouped)).candidates]).toEqual([
    21, 9,
  ]);
});

it("refuses units that there are not, and units in a sweep", async () => {
  const task = await taskOf("llama");
  const refusal = async (request: object) => {
    const answer = await studio.send("POST", "/api/runs", { model: "llama", task, ...request });
    return [answer.status, await answer.json()];
  };
  const strange = { kind: "extract", options: { ...options, components: "layers" } };
  expect(await refusal(strange)).toEqual([
    400,
    { error: expect.objectContaining({ code: "options", field: "options.components" }) },
  ]);
  const sweep = { alphas: [0.1], ablations: ["mean"], mlps: [true], seeds: [0] };
  expect(
    await refusal({ kind: "sweep", ...sweep, options: { ...options, components: "kv-groups" } }),
  ).toEqual([
    400,
    {
      error: expect.objectContaining({ code: "options", message: "a sweep tries each component by itself." }),
    },
  ]);
});
