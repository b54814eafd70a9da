import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { CircuitFile } from "../export/circuit-file.ts";
import { hashFile } from "../files/hash.ts";
import { rememberOriginal } from "../jobs/known-originals.ts";
import { loadModel } from "../jobs/load-model.ts";
import { weightFiles } from "../jobs/same-weights.ts";
import { findOriginal } from "./find-original.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pith-find-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  await cp("models/nano", join(folder, "mine"), { recursive: true });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

test("the original is found where it was, though its circuit does not say where", async () => {
  const model = await loadModel(join(folder, "mine"));
  const files: CircuitFile["model"]["files"] = [];
  for (const { path, size } of model.files) {
    files.push({ name: basename(path), bytes: size, sha256: await hashFile(path) });
  }
  await model.close();
  const circuit = { model: { name: model.name, files } } as CircuitFile;
  expect(JSON.stringify(circuit)).not.toContain(folder);
  const directoryOf = async (file: CircuitFile) => {
    const found = await findOriginal(file);
    await found?.close();
    return found?.directory;
  };

  await rememberOriginal(model, files);
  expect(await directoryOf(circuit)).toBe(join(folder, "mine"));
  // Moved away, the next that has the same weights will do: here, the embedded model.
  await rm(join(folder, "mine"), { recursive: true });
  expect(basename((await directoryOf(circuit)) ?? "")).toBe("nano");
  const [first, ...rest] = files;
  if (first === undefined) throw new Error("a model without files");
  const other = { ...circuit.model, files: [{ ...first, sha256: "0".repeat(64) }, ...rest] };
  expect(await directoryOf({ ...circuit, model: other })).toBeUndefined();
});

test("a GGUF file is found where it was, and is not taken for another", async () => {
  const place = join(folder, "files");
  await mkdir(place);
  await cp("test/gguf/qwen2.gguf", join(place, "mine.gguf"));
  const model = await loadModel(join(place, "mine.gguf"));
  const files = await weightFiles(model);
  await model.close();
  const circuit = { model: { name: model.name, files } } as CircuitFile;
  const nameOf = async () => {
    const found = await findOriginal(circuit);
    await found?.close();
    return found?.directory;
  };
  expect(await nameOf()).toBeUndefined();
  await rememberOriginal(model, files);
  expect(await nameOf()).toBe(join(place, "mine.gguf"));
  await writeFile(join(place, "mine.gguf"), "another");
  expect(await nameOf()).toBeUndefined();
});
