/** `pith distill` as a user meets it, on a circuit of nano that is cut with few prompts. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { extract, loadModel, readTask } from "../src/index.ts";
import { circuitSize } from "../src/transformer/circuit-size.ts";
import { runCli } from "./support/run-cli.ts";

let place: string;
/** Elements of the circuit's matrices. */
let size: number;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-distill-"));
  const lines = (await readFile("models/nano/tasks/ioi.jsonl", "utf8")).trimEnd().split("\n");
  const some = ["patching", "validation", "test"].flatMap((split) =>
    lines.filter((line) => line.includes(`"split": "${split}"`)).slice(0, 20),
  );
  await writeFile(join(place, "few.jsonl"), some.join("\n"));
  const nano = await loadModel();
  const task = await readTask(join(place, "few.jsonl"));
  const { circuit } = await extract(nano, task, join(place, "few"), { alpha: 0.05, threads: 1 });
  size = circuitSize(nano.transformer, circuit.kept);
  await nano.close();
});
afterAll(() => rm(place, { recursive: true }));

const distill = (...options: readonly string[]) =>
  runCli(["distill", "few", "-t", "few.jsonl", "--epochs", "4", "--every", "2", ...options], place);

test("writes the student's curve beside the circuit's figures", async () => {
  const { code, stdout, stderr } = await distill("--layers", "1", "--out", "student", "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const printed = JSON.parse(stdout);
  expect((await readdir(join(place, "student"))).sort()).toEqual([
    "curve.csv",
    "curve.svg",
    "distillation.json",
  ]);
  const { folder, ...record } = printed;
  expect(folder).toBe(join(place, "student"));
  expect(JSON.parse(await readFile(join(place, "student", "distillation.json"), "utf8"))).toEqual(record);
  expect(record).toMatchObject({
    ...{ format: "pith.distillation/1", model: "nano", task: "few" },
    circuit: { size, accuracy: { validation: expect.any(Number), test: expect.any(Number) } },
    student: { layers: 1, parameters: { body: 442_368 } },
    prompts: { patching: 20, validation: 20, test: 20 },
    numbers: { epochs: 4, every: 2, batch: 64, learningRate: 0.001, seed: 0, patience: 200 },
  });
  expect(record.published).toBeUndefined();
  // All twenty prompts are one batch.
  expect(record.curve.map(({ epoch, steps }: { epoch: number; steps: number }) => [epoch, steps])).toEqual([
    [2, 2],
    [4, 4],
  ]);
  const csv = (await readFile(join(place, "student", "curve.csv"), "utf8")).split("\n");
  expect(csv[0]).toBe("epoch,steps,loss,validation_accuracy,validation_kl");
  expect(csv).toHaveLength(4);
  expect(await readFile(join(place, "student", "curve.svg"), "utf8")).toContain("a student of 1 layer");

  const again = await distill("--layers", "1", "--out", "student");
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("exists already");
});

test("prints what it found, and says that it is no code of the paper's", async () => {
  const { code, stdout } = await distill("--layers", "1", "--out", "student", "--force");
  expect(code).toBe(0);
  const words = stdout.replaceAll(/\s+/g, " ");
  expect(words).toContain("student 1 layer, 442,368 weights in heads and MLPs; the circuit has");
  expect(words).toContain("The paper published no code for its students.");
});

test("faults of the input are plain, and nothing is left", async () => {
  const before = await readdir(place);
  const rate = await distill("--learning-rate", "0");
  expect(rate.code).toBe(2);
  expect(rate.stderr).toContain('"--learning-rate": expected a number above 0, to 1');
  const missing = await runCli(["distill", "nowhere"], place);
  expect(missing.code).toBe(2);
  const unknown = await runCli(["distill", "few", "-m", "nowhere", "-t", "few.jsonl"], place);
  expect(unknown.code).toBe(2);
  expect(await readdir(place)).toEqual(before);
});
