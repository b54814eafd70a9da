import { createHash } from "node:crypto";
import { unzipSync } from "fflate";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SharedCircuit } from "../../src/export/site-file.ts";
import { playServer } from "../testing.ts";
import { zipCircuit } from "./zip-circuit.ts";

beforeEach(() => vi.stubGlobal("document", { baseURI: "https://example.org/site/" }));
afterEach(() => vi.unstubAllGlobals());

const text = "the same again and again ".repeat(40);
const contents: Readonly<Record<string, string>> = {
  "config.json": text,
  "onnx/model.onnx_data": text,
};
const record = (name: string) => {
  const bytes = Buffer.from(contents[name] ?? "");
  return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
};
const circuit: SharedCircuit = {
  ...{ name: "nano-ioi", path: "circuits/nano-ioi/", samples: [] },
  files: Object.keys(contents).map(record),
};
const prefix = "https://example.org/site/circuits/nano-ioi/";
const answer = ({ path }: { readonly path: string }) => new Response(contents[path.slice(prefix.length)]);

test("every file is in it, under the circuit's name, and nothing else", async () => {
  const requests = playServer(answer);
  const progress: number[] = [];
  const blob = await zipCircuit(circuit, (done) => progress.push(done));
  expect(requests.map(({ path }) => path)).toEqual([`${prefix}config.json`, `${prefix}onnx/model.onnx_data`]);
  expect(progress).toEqual([1000, 2000]);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.entries(files).map(([name, bytes]) => [name, new TextDecoder().decode(bytes)])).toEqual([
    ["nano-ioi/config.json", text],
    ["nano-ioi/onnx/model.onnx_data", text],
  ]);
  // The weights as they are, the rest packed.
  expect([blob.type, blob.size > 1000, blob.size < 1500]).toEqual(["application/zip", true, true]);
});

test("a file that is not the circuit's ends it", async () => {
  playServer(({ path }) => (path.endsWith("_data") ? new Response("other weights") : answer({ path })));
  await expect(zipCircuit(circuit, () => {})).rejects.toMatchObject({
    ...{ name: "PithError", code: "circuit", place: { url: `${prefix}onnx/model.onnx_data` } },
  });
});
