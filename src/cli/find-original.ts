/** The model that a circuit was cut from, where it is on this machine and still the same: no download. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { hashFile } from "../checkpoint/hash.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { loadModel, type Model } from "../pipeline/load-model.ts";

/** The embedded model, or the folder that circuit.json names, if its weights have the hashes written there. */
export async function findOriginal({ model }: CircuitFile): Promise<Model | undefined> {
  const folder = await stat(model.name).catch(() => undefined);
  for (const place of folder?.isDirectory() ? [model.name, undefined] : [undefined]) {
    const candidate = await loadModel(place).catch(() => undefined);
    if (candidate === undefined) continue;
    if (await isSame(candidate, model.files)) return candidate;
    await candidate.close();
  }
  return undefined;
}

/** Whether a model's weights are, file by file, those that a circuit was cut from. */
export async function isSame(candidate: Model, files: CircuitFile["model"]["files"]): Promise<boolean> {
  if (candidate.files.length !== files.length) return false;
  for (const { path, size } of candidate.files) {
    const written = files.find(({ name }) => name === basename(path));
    // Sizes first: reading gigabytes to find that they differ is not worth the wait.
    if (written?.bytes !== size || (await hashFile(path)) !== written.sha256) return false;
  }
  return true;
}
