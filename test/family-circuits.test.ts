/**
 * What users do with a circuit's folder, for every family: the tiny checkpoints of test/families go through
 * extraction and compilation; every third of them, or all with PITH_FAMILIES=all, number formats, reports and shared sites.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  extract,
  gatherReport,
  loadCircuit,
  loadModel,
  type Model,
  readTask,
  type Task,
} from "../src/index.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { convertCircuit } from "../src/jobs/convert/convert.ts";
import { shareCircuits } from "../src/jobs/share/share.ts";
import { reportPage } from "../src/report/html/report-page.ts";
import { countKept } from "../src/transformer/circuit.ts";
import { referenceOf, tinyFolder, tinyFolders } from "./support/family-reference.ts";
import { found } from "./support/run-model.ts";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "pith-families-"));
});
afterAll(() => rm(place, { recursive: true, force: true }));

const { PITH_FAMILIES: wanted } = process.env;
const isThird = (name: string) => wanted === "all" || tinyFolders.indexOf(name) % 3 === 0;

describe.each(tinyFolders)("%s", (name) => {
  let model: Model;
  let task: Task;
  const circuit = () => join(place, name);
  beforeAll(async () => {
    model = await loadModel(tinyFolder(name));
    task = await readTask(join(tinyFolder(name), "task.jsonl"));
    // A threshold at which heads stay in low layers, also where a layer's heads and MLP read one stream.
    const { alpha } = found(referenceOf(name).runs[0]);
    await extract(model, task, circuit(), { alpha: alpha / 4, bos: false, threads: 1 });
  });
  afterAll(() => model.close());

  test("is compiled, and answers as the patched model", async () => {
    const { circuit: compiled } = await compileFolder(circuit(), `${circuit()}-compiled`, {
      ...{ task, original: model, threads: 1 },
    });
    expect(countKept(compiled.kept).head).toBeGreaterThan(0);
    expect(found(compiled.compiled).verified.circuit).toBeLessThan(1e-4);
    expect(found(compiled.compiled).verified.patched).toBeLessThan(1e-4);
  });

  test.runIf(isThird(name))("is converted to int8", async () => {
    const folder = `${circuit()}-int8`;
    // These weights are random, so a narrow format may change many of the answers.
    await convertCircuit(circuit(), folder, { dtype: "int8", task, threads: 1, force: true });
    const opened = await loadCircuit(folder, { threads: 1 });
    const narrow = await opened.evaluate(task);
    await opened.close();
    expect(narrow.splits.validation?.accuracy).toBe(opened.circuit.dtype?.accuracy?.validation);
  });

  test.runIf(isThird(name))("has a report and a shared site", async () => {
    const report = await gatherReport(circuit(), { task, original: model, threads: 1 });
    expect(reportPage([report])).toContain("</html>");
    const site = await shareCircuits([{ directory: circuit(), task }], `${circuit()}-site`);
    expect(site.circuits.map(({ samples }) => samples > 0)).toEqual([true]);
  });
});
