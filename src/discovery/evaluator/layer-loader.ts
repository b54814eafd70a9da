/**
 * The sessions with which a layer is tried. Layers come last to first, so the next one is known: its weights
 * are read and handed over while the candidates of the one before it are evaluated.
 */
import type { Queries } from "../../lowering/attention.ts";
import {
  type ConstantRows,
  keptParts,
  removeHead,
  removeHeadSets,
  trialAttention,
} from "../../lowering/stages.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import { isJoined } from "./joined-layer.ts";
import type { KeptLayer } from "./kept-layer.ts";

/** Those of parts that went are undefined. */
interface LayerSessions {
  readonly attention: Session | undefined;
  readonly removal: Session | undefined;
  /** Only where choices are tried together. */
  readonly removals: Session | undefined;
  readonly mlp: Session | undefined;
}

/** A layer that is about to be tried, and its sessions. */
interface LoadedLayer {
  readonly kept: KeptLayer;
  readonly sessions: LayerSessions;
}

export interface LayerLoader {
  /**
   * The layer's sessions; whoever takes them unloads them. Begins to load another layer.
   * @param next that layer: the one that is tried after this one; undefined if none is.
   */
  take(layer: number, queries: Queries, next: number | undefined): Promise<LoadedLayer>;
  /** Lets go of what was loaded ahead. */
  close(): Promise<void>;
}

/**
 * @param rows of constants. @param together whether several choices of a layer's heads are tried together.
 * @param keptOf what there is of a layer when it is tried.
 */
export function createLayerLoader(
  runtime: Runtime,
  width: number,
  { rows, together }: { readonly rows: ConstantRows; readonly together: boolean },
  keptOf: (layer: number) => Promise<KeptLayer>,
): LayerLoader {
  let ahead: { readonly layer: number; readonly loaded: Promise<LoadedLayer> } | undefined;

  const load = async (layer: number, queries: Queries): Promise<LoadedLayer> => {
    const kept = await keptOf(layer);
    const { attention, mlp } = kept;
    const constantRows = queries === "last" ? "one" : rows;
    const joined = isJoined(kept);
    return {
      kept,
      sessions: {
        attention: attention && (await runtime.load(trialAttention(attention, width, queries))),
        removal: attention && !joined ? await runtime.load(removeHead(attention, width)) : undefined,
        removals:
          together && attention && !joined
            ? await runtime.load(removeHeadSets(attention, width, constantRows))
            : undefined,
        mlp:
          mlp && kept.arrangement !== "parallel"
            ? await runtime.load(keptParts([{ kind: "mlp", mlp }], width, constantRows))
            : undefined,
      },
    };
  };
  const drop = async () => {
    const dropped = ahead;
    ahead = undefined;
    if (dropped === undefined) return;
    for (const session of Object.values((await dropped.loaded).sessions)) await session?.unload();
  };

  return {
    async take(layer, queries, next) {
      // What is loaded ahead serves all positions; a sweep may try a layer for the last alone beside it.
      const loaded = ahead?.layer === layer && queries === "all" ? ahead.loaded : undefined;
      if (loaded !== undefined) ahead = undefined;
      const taken = await (loaded ?? load(layer, queries));
      // Once a kept head reads every position, all layers below do; before that, it may still turn out so.
      if (queries === "all" && next !== undefined && ahead === undefined) {
        ahead = { layer: next, loaded: load(next, queries) };
        // A search that stops early never takes it; its failure is nobody's then.
        ahead.loaded.catch(() => {});
      }
      return taken;
    },
    close: drop,
  };
}
