/**
 * Checkpoints as they are found in the wild, through the built command line: what was saved by other tools, with
 * other names, heads and ties than config.json says.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addTensor, copyNano, editHeader, storedBytes } from "./support/damaged-model.ts";
import { runCli, withFolder } from "./support/run-cli.ts";

let folder: ReturnType<typeof withFolder>;
/** What nano itself gives. */
let nano: Extracted;
beforeAll(async () => {
  folder = withFolder();
  // A tenth of the task will do: what is looked at is how the model is read.
  const lines = readFileSync(resolve("models/nano/tasks/ioi.jsonl"), "utf8").trimEnd().split("\n");
  writeFileSync(join(folder.path, "task.jsonl"), lines.filter((_, index) => index % 10 === 0).join("\n"));
  nano = await extract(resolve("models/nano"), "nano-circuit");
});
afterAll(() => folder.remove());

interface Circuit {
  readonly model: { readonly notes?: readonly string[] };
  readonly kept: readonly unknown[];
  readonly metrics: { readonly kl: Record<string, number>; readonly accuracy: Record<string, unknown> };
}

interface Extracted {
  readonly circuit: Circuit;
  readonly config: object;
  readonly stderr: string;
}

async function extract(model: string, out: string): Promise<Extracted> {
  const words = ["extract", "--model", model, "--task", "task.jsonl", "--out", out];
  const result = await runCli(words, folder.path);
  expect(result.code, result.stderr).toBe(0);
  const read = (name: string) => JSON.parse(readFileSync(join(folder.path, out, name), "utf8"));
  return { circuit: read("circuit.json"), config: read("config.json"), stderr: result.stderr };
}

/** Twice the embedding, so that every answer stays what it was and every logit is another. */
function addDoubledUnembedding(model: string): void {
  const embedding = storedBytes(model, "wte.weight");
  const doubled = Buffer.from(embedding);
  for (let at = 0; at < doubled.length; at += 2) {
    const bits = embedding.readUInt16LE(at);
    // One more in float16's exponent; nano has neither denormals of weight nor values near the largest.
    doubled.writeUInt16LE((bits & 0x7c00) === 0 ? bits & 0x8000 : bits + 0x400, at);
  }
  addTensor(model, "lm_head.weight", { dtype: "F16", shape: [2194, 192], bytes: doubled });
}

describe("a checkpoint that says it is tied", () => {
  test("with another unembedding is read as transformers 5 does, and that is said everywhere", async () => {
    const model = copyNano(join(folder.path, "untied"));
    addDoubledUnembedding(model);
    const { circuit, config, stderr } = await extract(model, "untied-circuit");
    expect(stderr).toMatch(
      /note: config\.json ties the unembedding to wte\.weight, but .* as transformers 5 does/,
    );
    expect(circuit.model.notes).toEqual([
      expect.stringContaining("the checkpoint holds another lm_head.weight"),
    ]);
    expect(config).toMatchObject({ tie_word_embeddings: false });
    // Other logits, other divergences: it is not nano that was searched.
    expect(nano.circuit.model.notes).toBeUndefined();
    expect(nano.config).toMatchObject({ tie_word_embeddings: true });
    expect(circuit.metrics.kl["validation"]).not.toBeCloseTo(nano.circuit.metrics.kl["validation"] ?? 0, 3);
    expect(circuit.metrics.accuracy["test"]).toHaveProperty("original", 1);
  });

  test("with the unembedding alone, compiled, with a value head, is nano all the same", async () => {
    const model = copyNano(join(folder.path, "wrapped"));
    addTensor(model, "score.weight", { dtype: "F16", shape: [2, 192], bytes: new Uint8Array(2 * 2 * 192) });
    editHeader(model, (header) => {
      for (const [name, tensor] of Object.entries(header)) {
        if (name === "__metadata__") continue;
        delete header[name];
        header[`_orig_mod.${name === "wte.weight" ? "lm_head.weight" : name}`] = tensor;
      }
    });
    const { circuit, stderr } = await extract(model, "wrapped-circuit");
    expect(stderr).toMatch(
      /note: The checkpoint also holds "score\.weight": another head, which is left out/,
    );
    expect(circuit.kept).toEqual(nano.circuit.kept);
    expect(circuit.metrics.kl).toEqual(nano.circuit.metrics.kl);
  });
});
