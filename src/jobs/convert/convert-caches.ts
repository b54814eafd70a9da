/** Converts a decoder circuit's graph, circuit.json and config.json to another number of heads in its caches. */
import { join } from "node:path";
import { PithError } from "../../errors.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { folderLayout as names } from "../../export/folder-layout.ts";
import type { CircuitFolder } from "../../export/read-folder.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { type CacheKind, cacheHeadsOf, uniformCaches, withCaches } from "../../lowering/cache-heads.ts";
import type { Graph } from "../../onnx/graph.ts";

export interface WithCaches {
  readonly graph: Graph;
  readonly circuit: CircuitFile;
  /** The new config.json; undefined if it does not change. */
  readonly config?: object;
}

/**
 * @param graph the folder's. @param kind undefined: caches are not changed.
 * @throws PithError "options" for a circuit without caches, or one whose layers differ.
 */
export async function convertCaches(
  { directory, circuit }: Pick<CircuitFolder, "directory" | "circuit">,
  graph: Graph,
  kind: CacheKind | undefined,
): Promise<WithCaches> {
  if (kind === undefined) return { graph, circuit };
  if (circuit.profile.kind !== "decoder") {
    throw cachesError(
      `can't be chosen: ${directory} takes prompts of one length, and has no caches.`,
      "Leave it out.",
    );
  }
  const { width, heads, keyValueHeads } = circuit.model;
  const { headWidth } = circuit.profile;
  const caches = kind === "uniform" ? uniformCaches(width, keyValueHeads ?? heads, headWidth) : undefined;
  if (kind === "uniform" && caches === undefined) {
    throw cachesError(
      `can't be uniform: the layers of ${circuit.model.name} differ in their heads, so config.json can't say theirs.`,
      "Choose exact.",
    );
  }
  const converted = withCaches(graph, caches);
  const own = cacheHeadsOf(converted);
  const profile = {
    kind: "decoder",
    ...(caches && { cacheHeads: caches.heads }),
    ...(headWidth !== undefined && { headWidth }),
  } as const;
  const config = await readJsonObject(join(directory, names.config), { code: "circuit" });
  const pith = typeof config["pith"] === "object" ? config["pith"] : {};
  return {
    graph: converted,
    circuit: { ...circuit, profile },
    config: {
      ...config,
      ...cacheFields(own, headWidth !== undefined),
      pith: { ...pith, profile },
    },
  };
}

/** In the terms of the existing config.json. */
function cacheFields(own: readonly number[], inLlamaTerms: boolean): object {
  const most = Math.max(1, ...own);
  return inLlamaTerms
    ? { num_hidden_layers: own.length, num_key_value_heads: most }
    : { n_layer: own.length, n_head: most };
}

const cachesError = (message: string, advice: string): PithError =>
  new PithError("options", message, { place: { field: "--caches" }, advice });
