/** One changed bit of a shipped folder: it is noticed, whichever file it is in, or it changes nothing that is read. */
import { createHash } from "node:crypto";
import { cp, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { zeroReplacements } from "../src/discovery/replacements.ts";
import { checkFiles } from "../src/export/check-files.ts";
import type { CircuitFile } from "../src/export/circuit-file.ts";
import type { CircuitJson } from "../src/export/circuit-format-2.ts";
import { parseCircuitFile } from "../src/export/circuit-json.ts";
import { readCircuitFolder } from "../src/export/read-folder.ts";
import { loadCircuit, PithError } from "../src/index.ts";
import { circuitOfLists } from "../src/transformer/circuit.ts";
import { changeCircuit } from "./support/change-circuit.ts";
import { loadNano, nanoTokenizer, shipCircuit, temporaryFolder } from "./support/export-circuit.ts";
import { runCli } from "./support/run-cli.ts";

const prompt = "Mary and John went to the";
let directory: string;

beforeAll(async () => {
  const tokens = (await nanoTokenizer()).encode(prompt).length;
  const none = { heads: [], mlps: [] };
  const model = await loadNano();
  const profile = { kind: "aligned", length: tokens } as const;
  ({ directory } = await shipCircuit(model, circuitOfLists(none), zeroReplacements(model.width), profile));
});

const circuitOf = async (folder: string): Promise<CircuitJson> =>
  JSON.parse(await readFile(join(folder, "circuit.json"), "utf8"));

/** Flips one bit in place, and back. */
async function flip(path: string, offset: number, bit: number): Promise<void> {
  const file = await open(path, "r+");
  const { buffer } = await file.read(new Uint8Array(1), 0, 1, offset);
  buffer[0] = (buffer[0] ?? 0) ^ (1 << bit);
  await file.write(buffer, 0, 1, offset);
  await file.close();
}

async function copy(): Promise<string> {
  const folder = join(await temporaryFolder(), "copy");
  await cp(directory, folder, { recursive: true });
  return folder;
}

test("circuit.json lists every file beside it but the card, with its size and SHA-256", async () => {
  const { files = [] } = await circuitOf(directory);
  const there = (await readdir(directory, { recursive: true })).filter(
    (name) => !["README.md", "circuit.json", "onnx"].includes(name),
  );
  expect(files.map(({ name }) => name)).toEqual(there.sort());
  for (const { name, bytes, sha256 } of files) {
    const content = await readFile(join(directory, name));
    expect([bytes, sha256]).toEqual([content.length, createHash("sha256").update(content).digest("hex")]);
  }
});

describe("one flipped bit", () => {
  test("in a listed file is noticed, and named", async () => {
    const folder = await copy();
    const { files = [] } = await circuitOf(folder);
    const small = files.filter(({ bytes }) => bytes < 2 ** 20);
    expect(small.length).toBeGreaterThan(3);
    const cases = fc.record({
      file: fc.constantFrom(...small),
      place: fc.nat({ max: 2 ** 20 }),
      bit: fc.nat({ max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ file, place, bit }) => {
        const path = join(folder, file.name);
        await flip(path, place % file.bytes, bit);
        await expect(checkFiles(folder, files, [file.name])).rejects.toMatchObject({
          code: "circuit",
          place: { file: path },
        });
        await flip(path, place % file.bytes, bit);
        await checkFiles(folder, files, [file.name]);
      }),
      { numRuns: 500 },
    );
  });

  test("in circuit.json is noticed, or changes nothing that it says", async () => {
    const text = await readFile(join(directory, "circuit.json"));
    const valid = parseCircuitFile(JSON.parse(text.toString()));
    let noticed = 0;
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.nat({ max: 7 }), (place, bit) => {
        const flipped = Buffer.from(text);
        flipped[place] = (flipped[place] ?? 0) ^ (1 << bit);
        let read: CircuitFile;
        try {
          read = parseCircuitFile(JSON.parse(flipped.toString()));
        } catch (error) {
          if (!(error instanceof PithError || error instanceof SyntaxError)) throw error;
          noticed++;
          return;
        }
        expect(read).toEqual(valid);
      }),
      { numRuns: 2000 },
    );
    expect(noticed).toBeGreaterThan(1000);
  });

  test("in the weights is an error of every command that reads them, of the library too", async () => {
    const folder = await copy();
    const weights = join(folder, "onnx/model.onnx_data");
    const { metrics } = await circuitOf(folder);
    await flip(weights, metrics.bytes.circuit - 3, 6);
    await expect(loadCircuit(folder)).rejects.toMatchObject({ code: "circuit", place: { file: weights } });
    const out = join(await temporaryFolder(), "out");
    for (const args of [
      ["run", folder, "--prompt", prompt],
      ["inspect", folder],
      ["eval", folder, "--task", "ioi"],
      ["report", folder, "--out", out],
      ["share", folder, "--out", out],
      ["compile", folder, "--task", "ioi", "--out", out],
      ["convert", folder, "--task", "ioi", "--dtype", "int8", "--out", out],
    ]) {
      const { code, stderr } = await runCli(args, folder);
      expect([args[0], code, stderr]).toEqual([
        args[0],
        2,
        expect.stringContaining("model.onnx_data: was changed after it was written"),
      ]);
    }
  });

  test("is noticed by a process that had opened the folder before", async () => {
    const folder = await copy();
    await readCircuitFolder(folder);
    await flip(join(folder, "onnx/model.onnx_data"), 100_000, 0);
    await expect(readCircuitFolder(folder)).rejects.toMatchObject({ code: "circuit" });
    await flip(join(folder, "onnx/model.onnx_data"), 100_000, 0);
    await readCircuitFolder(folder);
  });
});

describe("a circuit of an earlier version, which lists no hashes", () => {
  const unlisted = async (): Promise<string> => {
    const folder = await copy();
    const { files: _, checksum: __, ...facts } = await circuitOf(folder);
    await writeFile(join(folder, "circuit.json"), JSON.stringify(facts));
    return folder;
  };

  test("opens, with a note", async () => {
    const { code, stdout, stderr } = await runCli(
      ["run", await unlisted(), "--prompt", prompt, "--json"],
      directory,
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("lists no hashes")]);
    expect(JSON.parse(stdout).predictions).toHaveLength(5);
  });

  test("whose weights are NaN gives an error in the place of an answer", async () => {
    const folder = await unlisted();
    const path = join(folder, "onnx/model.onnx_data");
    const weights = await readFile(path);
    // The end of the container is the unembedding or the final norm, which every answer reads.
    weights.fill(0xff, weights.length - Math.floor(weights.length / 16) * 4);
    await writeFile(path, weights);
    const { code, stderr } = await runCli(["run", folder, "--prompt", prompt], folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining("not finite numbers (NaN or infinity)")]);
    const circuit = await loadCircuit(folder);
    await expect(circuit.predict(prompt)).rejects.toMatchObject({ code: "runtime" });
    await circuit.close();
  });

  test("is told from one whose list was renamed by a flipped bit", async () => {
    const folder = await copy();
    await changeCircuit(folder, ({ files, ...facts }) => ({ ...facts, filfs: files }));
    await expect(readCircuitFolder(folder)).rejects.toMatchObject({
      code: "circuit",
      place: { field: "files" },
    });
  });
});

test("a file that was put there to change the tokenizer is refused", async () => {
  const folder = await copy();
  await writeFile(join(folder, "special_tokens_map.json"), "{}");
  await expect(readCircuitFolder(folder)).rejects.toMatchObject({
    code: "circuit",
    place: { file: join(folder, "special_tokens_map.json") },
  });
});

test("a list that lacks a file, or leads out of the folder, is refused", async () => {
  const folder = await copy();
  const { files = [] } = await circuitOf(folder);
  await changeCircuit(folder, (circuit) => ({ ...circuit, files: files.slice(1) }));
  await expect(readCircuitFolder(folder)).rejects.toMatchObject({ code: "circuit" });
  for (const name of ["../secret", "/etc/passwd", "onnx/../../x", "..", "onnx//x", ""]) {
    await changeCircuit(folder, (circuit) => ({ ...circuit, files: [{ ...files[0], name }] }));
    await expect(readCircuitFolder(folder)).rejects.toMatchObject({ place: { field: "files[0].name" } });
  }
});
