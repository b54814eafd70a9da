/** Finds the model that a circuit was cut from, if it is on this machine and unchanged. Nothing is downloaded. */
import { stat } from "node:fs/promises";
import { isGgufPath } from "../checkpoint/gguf/gguf-files.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { recallOriginal } from "../jobs/known-originals.ts";
import { loadModel, type Model } from "../jobs/load-model.ts";
import { isSame } from "../jobs/same-weights.ts";

/**
 * Tries the folder or GGUF file that a circuit was last cut from on this machine, a folder or GGUF file here with the
 * name in circuit.json, and the embedded model, and returns the first whose weights have the hashes in circuit.json.
 */
export async function findOriginal({ model }: CircuitFile): Promise<Model | undefined> {
  const places: (string | undefined)[] = [undefined];
  const gguf = model.files.map(({ name }) => name).find(isGgufPath);
  for (const place of [model.name, gguf, await recallOriginal(model.files)]) {
    const found = place === undefined ? undefined : await stat(place).catch(() => undefined);
    if (found?.isDirectory() || (found?.isFile() && place !== undefined && isGgufPath(place)))
      places.unshift(place);
  }
  for (const place of places) {
    const candidate = await loadModel(place).catch(() => undefined);
    if (candidate === undefined) continue;
    if (await isSame(candidate, model.files)) return candidate;
    await candidate.close();
  }
  return undefined;
}
