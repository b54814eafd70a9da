/**
 * The places on this machine of models that circuits were cut from (Node), by the hashes of their weights. A
 * circuit is meant for others to read, so its record identifies the original but not its path. The path is kept
 * in the user's own cache; if the cache is lost, the user only has to name the model again.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Environment, userHome } from "../checkpoint/hub/settings.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import { makeFolders } from "../files/make-folders.ts";
import { placeFile } from "../files/write-file.ts";
import type { Model } from "./load-model.ts";

type WeightFiles = CircuitFile["model"]["files"];

/** Never fails: if nothing can be written, nothing is remembered. */
export async function rememberOriginal(
  { directory, embedded }: Pick<Model, "directory" | "embedded">,
  files: WeightFiles,
  environment: Environment = process.env,
): Promise<void> {
  if (embedded) return;
  const path = notePath(files, environment);
  try {
    await makeFolders(join(path, ".."), 0o700);
    await placeFile(path, directory, { replaces: true, mode: 0o600 });
  } catch {
    // The next command that needs the original asks for its path.
  }
}

/** A folder, or a GGUF file, that had these weights when a circuit was cut from them; the caller checks whether it still does. */
export async function recallOriginal(
  files: WeightFiles,
  environment: Environment = process.env,
): Promise<string | undefined> {
  return readFile(notePath(files, environment), "utf8").catch(() => undefined);
}

function notePath(files: WeightFiles, environment: Environment): string {
  const weights = files.map(({ name, sha256 }) => `${basename(name)} ${sha256}\n`).sort();
  const key = createHash("sha256").update(weights.join("")).digest("hex");
  const cache = environment["XDG_CACHE_HOME"] || join(userHome(environment), ".cache");
  return join(cache, "pith", "originals", key);
}
