/** Checks whether a model is exactly the one that a circuit was cut from: by its weights, file by file (Node). */
import { basename } from "node:path";
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { CircuitFolder } from "../export/read-folder.ts";
import { hashFile } from "../files/hash.ts";
import type { Model } from "./load-model.ts";

type WeightFile = Model["files"][number];

/** By the model's own record of a file, so that no file is hashed twice. */
const hashes = new WeakMap<WeightFile, string>();

async function weightHash(file: WeightFile, signal?: AbortSignal): Promise<string> {
  const hash = hashes.get(file) ?? (await hashFile(file.path, { ...(signal && { signal }) }));
  hashes.set(file, hash);
  return hash;
}

/** The files of a model's weights, as circuit.json lists them. Each is read once while the model is open. */
export async function weightFiles(
  { files }: Pick<Model, "files">,
  signal?: AbortSignal,
): Promise<CircuitFile["model"]["files"]> {
  const listed = [];
  for (const file of files) {
    const sha256 = await weightHash(file, signal);
    listed.push({ name: basename(file.path), bytes: file.size, sha256 });
  }
  return listed;
}

export async function isSame(
  candidate: Pick<Model, "files">,
  files: CircuitFile["model"]["files"],
): Promise<boolean> {
  if (candidate.files.length !== files.length) return false;
  for (const file of candidate.files) {
    const written = files.find(({ name }) => name === basename(file.path));
    // Sizes are compared first, which avoids reading gigabytes of files that differ.
    if (written?.bytes !== file.size || (await weightHash(file)) !== written.sha256) return false;
  }
  return true;
}

/**
 * Called before figures are recorded for the original: they must come from this very model.
 * @throws PithError "options" for a model of other weights.
 */
export async function requireSame({ circuit, directory }: CircuitFolder, original: Model): Promise<void> {
  if (await isSame(original, circuit.model.files)) return;
  throw new PithError(
    "options",
    `${original.name} has other weights than the model that this circuit was cut from (${circuit.model.name}).`,
    {
      place: { file: directory },
      advice: "Give the very files; or leave the model out: then it is not compared with the original.",
    },
  );
}
