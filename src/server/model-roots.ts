/**
 * Which folders a page may name models in. Both sides are compared as the file system has them, so that neither
 * ".." nor a symbolic link leads out: no link to the folder, and none in it. Anything else must be a name on the
 * hub.
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { looksLikePath, parseHubName } from "../checkpoint/hub/name.ts";
import { expandHome } from "../checkpoint/hub/settings.ts";
import { PithError } from "../errors.ts";
import { embeddedName } from "../files/package-files.ts";
import { quote } from "../printable.ts";

/** The folder's real path. @throws PithError "options" for a root that is no folder. */
export async function realFolder(root: string): Promise<string> {
  const path = await realpath(resolve(expandHome(root, process.env))).catch(() => undefined);
  if (path !== undefined && (await stat(path)).isDirectory()) return path;
  throw new PithError("options", "there is no such folder.", {
    place: { field: "--root", file: resolve(root) },
  });
}

/**
 * What `loadModel` may be given for a page's words; undefined for the embedded model.
 * @param allowed real paths.
 * @throws PithError "options" for what lies elsewhere, whether it is there or not: a page must not learn that.
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
    if (!(await stat(path)).isDirectory()) continue;
    await checkEntries(path, allowed);
    return path;
  }
  if (looksLikePath(name)) throw outside;
  const { repository, revision } = parseHubName(name);
  // The loader takes a folder of that name for a folder: here it must mean the hub.
  if ((await stat(name).catch(() => undefined)) !== undefined) throw outside;
  return revision === "main" && !name.includes("@") ? repository : `${repository}@${revision}`;
}

/**
 * A loader opens files by their names in the folder, which may be links (the hub's cache is made of them), and a
 * circuit takes some of them along. All entries are looked at, so that no list of names can fall behind the loader.
 */
async function checkEntries(folder: string, allowed: readonly string[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() || entry.isDirectory()) continue;
    const name = quote(entry.name);
    if (!entry.isSymbolicLink()) {
      // Reading from a pipe would wait for whoever writes into it.
      throw new PithError("options", `the folder's ${name} is neither a file nor a folder.`, {
        place: { field: "model" },
      });
    }
    const target = await realpath(join(folder, entry.name)).catch(() => undefined);
    const found = target !== undefined && isAllowed(target, allowed) ? await stat(target) : undefined;
    if (found?.isFile() || found?.isDirectory()) continue;
    // The same words for what is there and for what is not.
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
