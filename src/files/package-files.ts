/** Files that come with the package (Node): from source they lie two folders up, from dist/ one. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL(import.meta.url.endsWith(".ts") ? "../../" : "../", import.meta.url);

export function packagePath(relative: string): string {
  return fileURLToPath(new URL(relative, root));
}

/** The embedded model's name, and its folder. */
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
