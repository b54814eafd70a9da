/** Whether a model is the very one that a circuit was cut from: by its weights, file by file (Node). */
import { basename } from "node:path";
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { CircuitFolder } from "../export/read-folder.ts";
import { hashFile } from "../files/hash.ts";
import type { Model } from "./load-model.ts";

type WeightFile = Model["files"][number];

/** By a model's own record of a file: what has been read for one question is not read again for the next. */
const hashes = new WeakMap<WeightFile, string>();

async function weightHash(file: WeightFile, signal?: AbortSignal): Promise<string> {
  const hash = hashes.get(file) ?? (await hashFile(file.path, { ...(signal && { signal }) }));
  hashes.set(file, hash);
  return hash;
}

/** The files that hold a model's weights, as circuit.json lists them. Each is read once while the model is open. */
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
    // Sizes first: reading gigabytes to find that they differ is not worth the wait.
    if (written?.bytes !== file.size || (await weightHash(file)) !== written.sha256) return false;
  }
  return true;
}

/**
 * Before figures are written beside the original's name and hashes: they must be its own.
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
