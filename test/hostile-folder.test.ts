/** Circuit folders that somebody made to harm: each ends in a plain error, before anything waits, fills memory or leads out. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { zeroReplacements } from "../src/discovery/replacements.ts";
import { loadCircuit, PithError } from "../src/index.ts";
import { openGraph } from "../src/jobs/read-graph.ts";
import { encodeGraph } from "../src/onnx/encode-graph.ts";
import { GraphBuilder } from "../src/onnx/graph-builder.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { loadNano, nanoTokenizer, shipCircuit, temporaryFolder } from "./support/export-circuit.ts";

const prompt = "Mary and John went to the";
let length: number;
let directory: string;

beforeAll(async () => {
  length = (await nanoTokenizer()).encode(prompt).length;
  const model = await loadNano();
  const nothing = { heads: [], mlps: [] };
  ({ directory } = await shipCircuit(model, circuitOfLists(nothing), zeroReplacements(model.width), {
    kind: "aligned",
    length,
  }));
  // Whoever makes such a folder does not list hashes that give it away.
  const path = join(directory, "circuit.json");
  const { files: _, checksum: __, ...facts } = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify(facts));
});

async function copy(): Promise<string> {
  const folder = join(await temporaryFolder(), "circuit");
  await cp(directory, folder, { recursive: true });
  return folder;
}

/** The error that a user sees who asks the folder for an answer. */
async function refusal(folder: string): Promise<PithError> {
  const outcome = await loadCircuit(folder, { threads: 1 }).then(
    async (circuit) => {
      try {
        return await circuit.predict(prompt);
      } catch (error) {
        return error;
      } finally {
        await circuit.close();
      }
    },
    (error: unknown) => error,
  );
  if (outcome instanceof PithError) return outcome;
  throw new Error("expected a PithError", { cause: outcome });
}

const read = ["circuit.json", "config.json", "tokenizer.json", "tokenizer_config.json"];
const models = ["onnx/model.onnx", "onnx/model.onnx_data"];

describe.each([...read, ...models])("%s", (name) => {
  test.each<[string, (path: string) => Promise<unknown>]>([
    ["is a named pipe, for which nobody waits", async (path) => execFileSync("mkfifo", [path])],
    ["is a folder", (path) => mkdir(path)],
    ["is a link to itself", (path) => symlink(path, path)],
    ["is a device that never ends", (path) => symlink("/dev/zero", path)],
  ])("%s", async (_, replace) => {
    const folder = await copy();
    const path = join(folder, name);
    await rm(path);
    await replace(path);
    const error = await refusal(folder);
    expect(error.message).toContain(path);
  });
});

test.each(read)("%s of gigabytes is refused by its size", async (name) => {
  const folder = await copy();
  await truncate(join(folder, name), 4 * 2 ** 30);
  expect((await refusal(folder)).message).toMatch(/too many/);
});

test("weights whose header claims more than there is are refused", async () => {
  const folder = await copy();
  const path = join(folder, "onnx/model.onnx_data");
  const bytes = await readFile(path);
  bytes.writeBigUInt64LE(2n ** 62n, 0);
  await writeFile(path, bytes);
  expect((await refusal(folder)).code).toBe("circuit");
});

describe("a graph that is not this circuit's", () => {
  const write = async (output: string): Promise<string> => {
    const folder = await copy();
    const graph = new GraphBuilder("other");
    const ids = graph.input("input_ids", "int64", ["batch", length]);
    graph.output(output, graph.slice(ids, 1, 0, 1, 1));
    await writeFile(
      join(folder, "onnx/model.onnx"),
      encodeGraph(graph.build(), () => expect.unreachable("it has no weights")),
    );
    return folder;
  };

  test("has another output", async () => {
    expect((await refusal(await write("answers"))).message).toContain("has no output logits");
  });

  test("gives whole numbers", async () => {
    expect((await refusal(await write("logits"))).message).toContain("whole numbers where scores");
  });

  test("gives fewer scores than there are tokens", async () => {
    const folder = await copy();
    const path = join(folder, "circuit.json");
    const facts = JSON.parse(await readFile(path, "utf8"));
    facts.model.vocabulary += 1;
    await writeFile(path, JSON.stringify(facts));
    const error = await refusal(folder);
    expect([error.code, error.message]).toEqual(["circuit", expect.stringMatching(/gives \d+ scores/)]);
  });

  test("is none at all", async () => {
    const folder = await copy();
    await writeFile(join(folder, "onnx/model.onnx"), "none");
    expect((await refusal(folder)).code).toBe("runtime");
    await expect(openGraph(join(folder, "onnx/model.onnx"))).rejects.toBeInstanceOf(PithError);
  });

  test.each([
    ["lies elsewhere", { location: "../../secret", offset: 0, byteLength: 16 }, /lies in/],
    ["is longer than its shape", { location: "model.onnx_data", offset: 0, byteLength: 17 }, /17 bytes/],
    ["begins before the file", { location: "model.onnx_data", offset: -16, byteLength: 16 }, /at -16/],
    ["ends after the file", { location: "model.onnx_data", offset: 2 ** 40, byteLength: 16 }, /is cut off/],
  ])("has a weight that %s", async (_, place, message) => {
    const folder = await copy();
    const path = join(folder, "onnx/model.onnx");
    const graph = new GraphBuilder("other");
    const x = graph.input("x", "float32", ["rows", 2]);
    const weight = { name: "w", shape: [2, 2], read: async () => new Float32Array(4) };
    graph.output("logits", graph.matMul(x, graph.weight(weight)));
    await writeFile(
      path,
      encodeGraph(graph.build(), () => place),
    );
    await writeFile(join(folder, "..", "secret"), new Uint8Array(16));
    expect((await refusal(folder)).code).toBe("runtime");
    const file = await openGraph(path);
    await expect(file.graph.weights[0]?.weight.read()).rejects.toThrow(message);
    await file.close();
  });
});
