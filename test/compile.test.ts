/**
 * Circuits of nano, compiled for their tasks: from a folder to a folder that answers as the patched model does, and
 * refuses every word that it was not compiled for.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import {
  loadCircuit,
  loadModel,
  type Model,
  PithError,
  readTask,
  type Task as TaskFile,
} from "../src/index.ts";
import { compileFolder } from "../src/jobs/compile/compile.ts";
import { convertCircuit } from "../src/jobs/convert/convert.ts";
import { gatherReport } from "../src/jobs/report/report.ts";
import { weightFiles } from "../src/jobs/same-weights.ts";
import { formatBytes, formatCount } from "../src/report/format.ts";
import { reportPage } from "../src/report/html/report-page.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import {
  type GoldenTask,
  goldenReplacements,
  goldenRuns,
  loadNano,
  shipCircuit,
  tasks,
  temporaryFolder,
} from "./support/export-circuit.ts";
import { found } from "./support/run-model.ts";

let nano: Model;
beforeAll(async () => {
  nano = await loadModel("models/nano");
});
afterAll(() => nano.close());

/** The golden prompts, half of those that validate as a test set. */
async function splitTask(task: GoldenTask, folder: string): Promise<TaskFile> {
  const lines = (await readFile(`test/golden/nano-${task}.jsonl`, "utf8")).trim().split("\n");
  let validating = 0;
  const examples = lines.map((line) => {
    const example: { split: string } = JSON.parse(line);
    return example.split === "validation" && validating++ % 2 === 1 ? { ...example, split: "test" } : example;
  });
  const path = join(folder, `${task}.jsonl`);
  await writeFile(path, examples.map((example) => `${JSON.stringify(example)}\n`).join(""));
  return readTask(path);
}

/** A golden circuit's folder, as `pith extract` would have written it for that task. */
async function circuitFolder(task: GoldenTask, means: "aligned" | "pooled" = "aligned") {
  const folder = await temporaryFolder();
  const run = found(
    (await goldenRuns(task)).find((each) => each.ablation === "mean" && each.means === means),
  );
  const model = await loadNano();
  const file = await splitTask(task, folder);
  const length = nano.tokenizer.encode(found(file.examples[0]).prompt).length + Number(run.bos);
  const { directory } = await shipCircuit(
    model,
    circuitOfLists({ heads: run.kept_heads, mlps: run.kept_mlps }),
    await goldenReplacements(model, task, run),
    means === "aligned" ? { kind: "aligned", length } : { kind: "decoder" },
    join(folder, "circuit"),
  );
  const files = await weightFiles(nano);
  await changeCircuit(directory, (circuit) => ({
    ...circuit,
    model: { ...circuit.model, files },
    task: { ...circuit.task, name: task, sha256: file.sha256, bos: run.bos },
  }));
  return { folder, directory, file };
}

const fault = (action: () => Promise<unknown>) =>
  action().then(
    () => expect.unreachable("it should have been refused"),
    (error: unknown) => {
      if (!(error instanceof PithError)) throw error;
      return error;
    },
  );

describe.each(tasks)("%s", (task) => {
  let place: { folder: string; directory: string; file: TaskFile };
  let compiled: CircuitFile;
  let out: string;
  beforeAll(async () => {
    place = await circuitFolder(task);
    out = join(place.folder, "compiled");
    const options = { task: place.file, original: nano, threads: 1 };
    compiled = (await compileFolder(place.directory, out, options)).circuit;
  });

  test("agrees with the circuit on all prompts, and with the patched model on validation and test set", () => {
    const record = found(compiled.compiled);
    expect(record.verified.circuit).toBeLessThan(1e-4);
    expect(found(record.verified.patched)).toBeLessThan(1e-4);
    for (const split of ["validation", "test"] as const) {
      const { answers, vocabulary } = found(record.accuracy[split]);
      expect(vocabulary).toBeGreaterThan(0.95);
      // Fewer tokens to choose from, the right ones among them.
      expect(answers).toBeGreaterThanOrEqual(vocabulary);
    }
    expect(compiled.metrics.bytes.circuit).toBeLessThan(record.circuitBytes);
  });

  test("its folder opens, evaluates as its record says, and answers", async () => {
    const { circuit } = await readCircuitFolder(out);
    // The checksum is the file's, and is compared when the file is read.
    const { checksum: _, ...facts } = compiled;
    expect(circuit).toEqual(facts);
    const opened = await loadCircuit(out, { threads: 1 });
    const { splits } = await opened.evaluate(place.file, { original: nano });
    const record = found(compiled.compiled);
    for (const split of ["validation", "test"] as const) {
      expect(splits[split]?.accuracy).toBe(record.accuracy[split]?.answers);
      expect(found(splits[split]?.kl)).toBeGreaterThan(0);
      expect(found(splits[split]?.kl)).toBeLessThan(1);
    }
    const example = found(place.file.examples.find((each) => each.split === "test"));
    const whole = await loadCircuit(place.directory, { threads: 1 });
    const [best, full] = [
      (await opened.predict(example.prompt, 1))[0],
      await whole.predict(example.prompt, 1),
    ];
    // The most likely of the answers, as long as the whole vocabulary's best is one.
    if (record.answers.some(({ id }) => id === full[0]?.id)) expect(best?.id).toBe(full[0]?.id);
    await opened.close();
    await whole.close();
  });

  test("a word that it was not compiled for is refused: by name, and by the graph alone", async () => {
    const record = found(compiled.compiled);
    const { tokens } = record;
    const session = await ort.InferenceSession.create(join(out, "onnx", "model.onnx"), {
      logSeverityLevel: 4,
    });
    const known = tokens.map((ids) => found(ids[0]));
    const run = (ids: readonly number[]) =>
      session.run({ input_ids: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]) });
    const { scores } = await run(known);
    expect(scores?.dims).toEqual([1, record.answers.length]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(tokens.length - 1),
        fc.oneof(
          fc.nat(2193),
          fc.integer(),
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(Number),
        ),
        async (position, id) => {
          fc.pre(found(tokens[position]).includes(id) === false && Number.isSafeInteger(id));
          await expect(run(known.with(position, id))).rejects.toThrow("out of data bounds");
        },
      ),
      { numRuns: 100 },
    );
    await session.release();

    const opened = await loadCircuit(out, { threads: 1 });
    // No template begins like this.
    const strange = found(place.file.examples[0]).prompt.replace(/^\w+/, " the");
    const error = await fault(() => opened.predict(strange));
    expect([error.code, error.message]).toEqual([
      "task",
      expect.stringContaining('not compiled for the token " the"'),
    ]);
    await opened.close();
  });
});

describe("one circuit", () => {
  let place: { folder: string; directory: string; file: TaskFile };
  beforeAll(async () => {
    place = await circuitFolder("ioi");
  });
  const compile = (name: string, options: Partial<Parameters<typeof compileFolder>[2]> = {}) =>
    compileFolder(place.directory, join(place.folder, name), { task: place.file, threads: 1, ...options });

  test("more prompts bring more words, and no original less proof", async () => {
    const path = join(place.folder, "more.jsonl");
    const { prompt } = found(place.file.examples[0]);
    const name = found(/Then, (\w+) and/.exec(prompt)?.[1]);
    const other = prompt.replaceAll(name, "market");
    await writeFile(path, `${JSON.stringify({ prompt: other, split: "patching" })}\n`);
    const plain = await compile("plain");
    const wider = await compile("wider", { vocabulary: await readTask(path) });
    expect(plain.circuit.compiled?.verified.patched).toBeUndefined();
    const before = found(plain.circuit.compiled?.rows.pairs);
    expect(found(wider.circuit.compiled?.rows.pairs)).toBe(before + 2);
    const [narrow, wide] = [await loadCircuit(plain.folder), await loadCircuit(wider.folder)];
    const error = await fault(() => narrow.predict(other));
    expect(error.message).toMatch(
      /not compiled for the token " market" \(\d+\) as the prompt's token 3, though/,
    );
    expect(await wide.predict(other, 3)).toHaveLength(3);
    await narrow.close();
    await wide.close();
  });

  test("its report shows what circuit.json says, and why the inside is not there", async () => {
    const { folder } = await compile("reported");
    const report = await gatherReport(folder, { task: place.file, skills: [place.file], threads: 1 });
    const reason = expect.stringContaining("was compiled for its task's words");
    expect(report.attribution).toEqual({ missing: reason });
    expect(report.skills).toMatchObject([{ reason }]);
    const { bytes, parameters } = report.circuit.metrics;
    const page = reportPage([report]);
    expect(parameters.circuit.total).toBeLessThan(parameters.original.total);
    expect(page).toContain(formatCount(parameters.circuit.total));
    expect(page).toContain(formatBytes(bytes.circuit));
  });

  test("both targets give the same scores", async () => {
    const scoresOf = async (target: "portable" | "onnxruntime") => {
      const { folder } = await compile(target, { target });
      const session = await ort.InferenceSession.create(join(folder, "onnx", "model.onnx"));
      const ids = place.file.examples
        .slice(0, 50)
        .flatMap(({ prompt }) => [...nano.tokenizer.encode(prompt)]);
      const input_ids = new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [50, ids.length / 50]);
      const { scores } = await session.run({ input_ids });
      await session.release();
      return scores?.data as Float32Array;
    };
    const [portable, fused] = [await scoresOf("portable"), await scoresOf("onnxruntime")];
    for (const [at, score] of portable.entries()) {
      expect(Math.abs(score - found(fused[at]))).toBeLessThan(1e-4);
    }
  });

  test("in a narrower format: a quarter of the size, as right, and as strict", async () => {
    const { folder, circuit } = await compile("narrow", { dtype: "int8", original: nano });
    const exact = (await compile("exact")).circuit;
    expect(circuit.metrics.bytes.circuit).toBeLessThan(0.3 * exact.metrics.bytes.circuit);
    // Its record is the float32 one's; what it scores itself stands beside.
    expect(circuit.dtype?.float32.bytes).toBe(exact.metrics.bytes.circuit);
    expect(circuit.metrics.accuracy).toEqual(exact.metrics.accuracy);
    const opened = await loadCircuit(folder, { threads: 1 });
    const { splits } = await opened.evaluate(place.file);
    for (const split of ["validation", "test"] as const) {
      expect(circuit.dtype?.accuracy?.[split]).toBe(splits[split]?.accuracy);
      expect(circuit.dtype?.float32.accuracy[split]).toBe(exact.compiled?.accuracy[split]?.answers);
      const loss = (exact.compiled?.accuracy[split]?.answers ?? 1) - (splits[split]?.accuracy ?? 0);
      expect(loss).toBeLessThanOrEqual(0.01);
      expect(circuit.dtype?.divergence[split]).toBeGreaterThan(0);
    }
    await opened.close();

    const session = await ort.InferenceSession.create(join(folder, "onnx", "model.onnx"), {
      logSeverityLevel: 4,
    });
    const tokens = found(circuit.compiled).tokens;
    const known = tokens.map((ids) => found(ids[0]));
    for (const id of [-1, 2193, known[0] === 5 ? 6 : 5]) {
      const ids = BigInt64Array.from(known.with(0, id), BigInt);
      if (found(tokens[0]).includes(id)) continue;
      await expect(
        session.run({ input_ids: new ort.Tensor("int64", ids, [1, known.length]) }),
      ).rejects.toThrow("out of data bounds");
    }
    await session.release();

    // Afterwards it is the same.
    const converted = await convertCircuit((await compile("later")).folder, join(place.folder, "converted"), {
      dtype: "int8",
      task: place.file,
      threads: 1,
    });
    const weights = (name: string) => readFile(join(name, "onnx", "model.onnx_data"));
    expect((await weights(converted.folder)).equals(await weights(folder))).toBe(true);
  });

  test("what can't be compiled says so, and leaves nothing behind", async () => {
    const pooled = await circuitFolder("ioi", "pooled");
    const anyLength = await fault(() =>
      compileFolder(pooled.directory, join(place.folder, "x"), { task: place.file }),
    );
    expect([anyLength.code, anyLength.message]).toEqual(["circuit", expect.stringContaining("any length")]);

    const { folder } = await compile("once");
    const again = await fault(() => compileFolder(folder, join(place.folder, "x"), { task: place.file }));
    expect([again.code, again.message]).toEqual(["circuit", expect.stringContaining("compiled already")]);
    const itself = await fault(() =>
      compileFolder(place.directory, place.directory, { task: place.file, force: true }),
    );
    expect(itself.code).toBe("output");
    const other = await fault(async () => compile("x", { task: await splitTask("acronyms", place.folder) }));
    expect([other.code, other.message]).toEqual(["task", expect.stringContaining("takes exactly 15")]);

    const stranger: Model = { ...nano, files: [{ path: "test/golden/nano-ioi.jsonl", size: 1 }] };
    const foreign = await fault(() => compile("x", { original: stranger }));
    expect([foreign.code, foreign.message]).toEqual(["options", expect.stringContaining("other weights")]);

    // An answer fewer than the graph has scores: names would stand at the wrong ones.
    const whole = await readFile(join(folder, "circuit.json"), "utf8");
    await changeCircuit(folder, (circuit) => {
      const record = found(circuit.compiled);
      return { ...circuit, compiled: { ...record, answers: record.answers.slice(0, -1) } };
    });
    const short = await loadCircuit(folder);
    const unnamed = await fault(() => short.predict(found(place.file.examples[0]).prompt));
    expect([unnamed.code, unnamed.message]).toEqual(["circuit", expect.stringContaining("the graph scores")]);
    await short.close();
    await writeFile(join(folder, "circuit.json"), whole);

    for (const [field, change] of [
      [
        "compiled.rows.pairs",
        (record: object) => ({ ...record, rows: { pairs: 3, distinctTokens: 1, full: 1 } }),
      ],
      ["compiled.tokens", (record: object) => ({ ...record, tokens: [[1]] })],
      [
        "compiled.answers",
        (record: object) => ({
          ...record,
          answers: [
            { id: 2, token: "" },
            { id: 1, token: "" },
          ],
        }),
      ],
    ] as const) {
      const kept = await readFile(join(folder, "circuit.json"), "utf8");
      await changeCircuit(folder, (circuit) => ({
        ...circuit,
        compiled: change(found(circuit.compiled)),
      }));
      const error = await fault(() => loadCircuit(folder));
      expect([error.code, error.place?.field]).toEqual(["circuit", field]);
      await writeFile(join(folder, "circuit.json"), kept);
    }
  });
});
