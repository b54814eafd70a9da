/** The model that a circuit was cut from, where it is on this machine and still the same: no download. */
import { stat } from "node:fs/promises";
import type { CircuitFile } from "../export/circuit-file.ts";
import { loadModel, type Model } from "../pipeline/load-model.ts";
import { isSame } from "../pipeline/same-weights.ts";

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
