/**
 * The folders in which a page may name models. Both sides are compared as real paths, so that neither ".." nor a
 * symbolic link leads out of them, whether the link is on the way to the folder or in it. Any other name must be
 * a name on the hub.
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { isGgufPath } from "../checkpoint/gguf/gguf-files.ts";
import { looksLikePath, parseHubName } from "../checkpoint/hub/name.ts";
import { expandHome } from "../checkpoint/hub/settings.ts";
import { PithError } from "../errors.ts";
import { embeddedName } from "../files/package-files.ts";
import { quote } from "../printable.ts";

/** The folder's real path. @throws PithError "options" if the root is not a folder. */
export async function realFolder(root: string): Promise<string> {
  const path = await realpath(resolve(expandHome(root, process.env))).catch(() => undefined);
  if (path !== undefined && (await stat(path)).isDirectory()) return path;
  throw new PithError("options", "there is no such folder.", {
    place: { field: "--root", file: resolve(root) },
  });
}

/**
 * The source for `loadModel` from a page's text; undefined for the embedded model.
 * @param allowed real paths.
 * @throws PithError "options" for any other place, whether it exists or not: a page must not find out.
 */
export async function allowedSource(name: string, allowed: readonly string[]): Promise<string | undefined> {
  if (name === "" || name === embeddedName) return undefined;
  const outside = new PithError(
    "options",
    `there is no folder ${quote(name)} inside the folders that the studio may read.`,
    { place: { field: "model" }, advice: "Allow a folder with `pith studio --root DIR`." },
  );
  const expanded = expandHome(name, process.env);
  for (const base of isAbsolute(expanded) ? [""] : allowed) {
    const path = await realpath(resolve(base, expanded)).catch(() => undefined);
    if (path === undefined) continue;
    if (!isAllowed(path, allowed)) throw outside;
    const isFile = isGgufPath(path) && (await stat(path)).isFile();
    if (!isFile && !(await stat(path)).isDirectory()) continue;
    // Of a GGUF file, the loader may open other parts and a tokenizer beside it.
    await checkEntries(isFile ? dirname(path) : path, allowed);
    return path;
  }
  if (looksLikePath(name)) throw outside;
  const { repository, revision } = parseHubName(name);
  // The loader would take a folder of that name; here the name must mean the hub.
  if ((await stat(name).catch(() => undefined)) !== undefined) throw outside;
  return revision === "main" && !name.includes("@") ? repository : `${repository}@${revision}`;
}

/**
 * A loader opens files by their names in the folder, which may be links (the hub's cache consists of links), and
 * a circuit copies some of them. All entries are checked, so that no new file name of the loader can be missed.
 */
async function checkEntries(folder: string, allowed: readonly string[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) continue;
    const name = quote(entry.name);
    if (!entry.isSymbolicLink()) {
      // Reading from a pipe would wait for a writer.
      throw new PithError("options", `the folder's ${name} is neither a file nor a folder.`, {
        place: { field: "model" },
      });
    }
    const target = await realpath(join(folder, entry.name)).catch(() => undefined);
    const found = target !== undefined && isAllowed(target, allowed) ? await stat(target) : undefined;
    if (found?.isFile() || found?.isDirectory()) continue;
    // The message is the same whether the path exists or not.
    throw new PithError(
      "options",
      `the folder's ${name} is a symbolic link to no file inside the folders that the studio may read.`,
      {
        place: { field: "model" },
        advice: "Put the file itself there, or allow its folder with `pith studio --root DIR`.",
      },
    );
  }
}

function isAllowed(path: string, allowed: readonly string[]): boolean {
  return allowed.some((root) => {
    const way = relative(root, path);
    return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
  });
}
