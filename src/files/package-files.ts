/**
 * Paths of files that come with the package (Node): they are two folders up from source files, and one folder up
 * from dist/.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL(import.meta.url.endsWith(".ts") ? "../../" : "../", import.meta.url);

export function packagePath(relative: string): string {
  return fileURLToPath(new URL(relative, root));
}

/** The name of the embedded model; its folder has the same name. */
export const embeddedName = "nano";
export const embeddedModel = "models/nano";
export const embeddedTask = "models/nano/tasks/ioi.jsonl";

/** Pith's own version. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
    readonly version: string;
  };
  return version;
}
