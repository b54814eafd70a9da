/**
 * Which models a page may name, and the open ones. A folder must lie inside one of the folders that the person
 * who started the studio has allowed; both sides are compared as the file system has them, so that neither ".."
 * nor a symbolic link leads out. Anything else must be a name on the hub.
 */
import { realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { looksLikePath, parseHubName } from "../checkpoint/hub-name.ts";
import { expandHome } from "../checkpoint/hub-settings.ts";
import { PithError } from "../errors.ts";
import { countParameters } from "../evaluation/parameters.ts";
import type { OnEvent } from "../pipeline/events.ts";
import { loadModel, type Model } from "../pipeline/load-model.ts";
import { embeddedName } from "../pipeline/package-files.ts";
import { Refusal } from "./answer-error.ts";
import type { ModelSummary } from "./api.ts";

export interface Models {
  /** Opened once; stays open until the studio ends. @param name as a page gives it; "" is the embedded model. */
  open(name: string, onEvent?: OnEvent): Promise<Model>;
  /** What is being fetched is stopped, to be gone on with next time. */
  close(): Promise<void>;
}

/** @param roots folders that pages may name models in. @throws PithError "options" for a root that is no folder. */
export async function createModels(roots: readonly string[]): Promise<Models> {
  const allowed: string[] = [];
  for (const root of roots) allowed.push(await realFolder(root));
  const opened = new Map<string, Promise<Model>>();
  // A model is for all who ask for it: that one of them goes away does not stop its download.
  const ending = new AbortController();
  return {
    async open(name, onEvent) {
      const source = await allowedSource(name, allowed);
      const key = source ?? "";
      const found = opened.get(key);
      if (found !== undefined) return found;
      const opening = loadModel(source, { signal: ending.signal, onEvent });
      opened.set(key, opening);
      // What failed is tried anew when it is asked for again.
      opening.catch(() => opened.delete(key));
      return opening;
    },
    async close() {
      ending.abort(new Refusal(503, "closing", "the studio is closing."));
      const all = [...opened.values()];
      opened.clear();
      for (const opening of all) await opening.then((model) => model.close()).catch(() => {});
    },
  };
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
    `there is no folder ${JSON.stringify(name)} inside the folders that the studio may read.`,
    { place: { field: "model" }, advice: "Allow a folder with `pith studio --root DIR`." },
  );
  const expanded = expandHome(name, process.env);
  for (const base of isAbsolute(expanded) ? [""] : allowed) {
    const path = await realpath(resolve(base, expanded)).catch(() => undefined);
    if (path === undefined) continue;
    if (!allowed.some((root) => isInside(path, root))) throw outside;
    if ((await stat(path)).isDirectory()) return path;
  }
  if (looksLikePath(name)) throw outside;
  const { repository, revision } = parseHubName(name);
  // The loader takes a folder of that name for a folder: here it must mean the hub.
  if ((await stat(name).catch(() => undefined)) !== undefined) throw outside;
  return revision === "main" && !name.includes("@") ? repository : `${repository}@${revision}`;
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}

async function realFolder(root: string): Promise<string> {
  const path = await realpath(resolve(expandHome(root, process.env))).catch(() => undefined);
  if (path !== undefined && (await stat(path)).isDirectory()) return path;
  throw new PithError("options", "there is no such folder.", {
    place: { field: "--root", file: resolve(root) },
  });
}

/** @param name as the page gave it. */
export function summarizeModel(name: string, model: Model): ModelSummary {
  const { transformer, files } = model;
  return {
    model: model.embedded ? "" : name,
    name: model.name,
    layers: transformer.blocks.length,
    heads: headsPerLayer(model),
    width: transformer.width,
    parameters: countParameters(transformer).total,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

export function headsPerLayer({ transformer }: Model): readonly number[] {
  return transformer.blocks.map(({ attention }) => attention?.heads.length ?? 0);
}
