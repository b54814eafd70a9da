/** Whether a model is the very one that a circuit was cut from: by its weights, file by file (Node). */
import { basename } from "node:path";
import { hashFile } from "../checkpoint/hash.ts";
import { PithError } from "../errors.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { CircuitFolder } from "../export/read-folder.ts";
import type { Model } from "./load-model.ts";

/** The files that hold a model's weights, as circuit.json lists them. */
export async function weightFiles(
  { files }: Pick<Model, "files">,
  signal?: AbortSignal,
): Promise<CircuitFile["model"]["files"]> {
  const listed = [];
  for (const { path, size } of files) {
    const sha256 = await hashFile(path, { ...(signal && { signal }) });
    listed.push({ name: basename(path), bytes: size, sha256 });
  }
  return listed;
}

export async function isSame(
  candidate: Pick<Model, "files">,
  files: CircuitFile["model"]["files"],
): Promise<boolean> {
  if (candidate.files.length !== files.length) return false;
  for (const { path, size } of candidate.files) {
    const written = files.find(({ name }) => name === basename(path));
    // Sizes first: reading gigabytes to find that they differ is not worth the wait.
    if (written?.bytes !== size || (await hashFile(path)) !== written.sha256) return false;
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
