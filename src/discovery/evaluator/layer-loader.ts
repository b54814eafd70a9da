/**
 * Loads the sessions with which a layer is tried. Layers come last to first, so the next one is known: its
 * weights are read and sent while the candidates of the current layer are evaluated.
 */
import type { Queries } from "../../lowering/attention.ts";
import { keptParts, removeHead, removeHeadSets, trialAttention } from "../../lowering/stages.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import type { PositionRows } from "../../transformer/position-rows.ts";
import type { Batch } from "../batch.ts";
import {
  loadProducts,
  type ProductSessions,
  type ProductsUse,
  unloadProducts,
  usesProducts,
} from "./head-products.ts";
import { isJoined } from "./joined-layer.ts";
import type { KeptLayer } from "./kept-layer.ts";

/** Sessions of pruned parts are undefined. */
interface LayerSessions {
  readonly attention: Session | undefined;
  readonly removal: Session | undefined;
  /** Only if choices are tried together. */
  readonly removals: Session | undefined;
  /** Undefined also where candidates' MLPs are computed from products: then few layers need it, and those late. */
  readonly mlp: Session | undefined;
  readonly products: ProductSessions | undefined;
}

/** A layer that is about to be tried, and its sessions. */
interface LoadedLayer {
  readonly kept: KeptLayer;
  readonly sessions: LayerSessions;
}

export interface LayerLoader {
  /**
   * The layer's sessions; the caller unloads them. Begins to load another layer.
   * @param next that layer: the one that is tried after this one; undefined if there is none.
   */
  take(layer: number, queries: Queries, next: number | undefined): Promise<LoadedLayer>;
  /** Releases sessions that were loaded in advance. */
  close(): Promise<void>;
}

/**
 * @param rows of constants. @param together whether several choices of a layer's heads are tried together.
 * @param products whether MLPs are computed from products; undefined: where that saves operations.
 * @param batches in which layers are tried.
 * @param keptOf gives the remaining part of a layer when it is tried. @param bytesOf the weights of a whole layer.
 */
export function createLayerLoader(
  runtime: Runtime,
  width: number,
  {
    rows,
    together,
    products,
    batches,
  }: {
    readonly rows: PositionRows;
    readonly together: boolean;
    readonly products: ProductsUse;
    readonly batches: readonly Batch[];
  },
  keptOf: (layer: number, queries: Queries) => Promise<KeptLayer>,
  bytesOf: (layer: number) => number,
): LayerLoader {
  let ahead: { readonly layer: number; readonly loaded: Promise<LoadedLayer> } | undefined;

  const load = async (layer: number, queries: Queries): Promise<LoadedLayer> => {
    const kept = await keptOf(layer, queries);
    const { attention, mlp } = kept;
    const constantRows = queries === "last" ? "one" : rows.kind;
    const joined = isJoined(kept);
    const updated =
      attention &&
      mlp &&
      mlp.postNorm === undefined &&
      !joined &&
      !together &&
      usesProducts(products, attention, width, rows, queries, batches)
        ? await loadProducts(runtime, attention, mlp, width, { rows, queries })
        : undefined;
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
          mlp && kept.arrangement !== "parallel" && updated === undefined
            ? await runtime.load(keptParts([{ kind: "mlp", mlp }], width, constantRows))
            : undefined,
        products: updated,
      },
    };
  };
  const drop = async () => {
    const dropped = ahead;
    ahead = undefined;
    if (dropped === undefined) return;
    const { products, ...sessions } = (await dropped.loaded).sessions;
    for (const session of Object.values(sessions)) await session?.unload();
    if (products !== undefined) await unloadProducts(products);
  };

  return {
    async take(layer, queries, next) {
      // Sessions that were loaded in advance work for all positions; a sweep may also try a layer for the last
      // position alone.
      const loaded = ahead?.layer === layer && queries === "all" ? ahead.loaded : undefined;
      if (loaded !== undefined) ahead = undefined;
      const taken = await (loaded ?? load(layer, queries));
      // Once a kept head reads every position, all layers below must compute them; until then, it may still
      // happen.
      if (
        queries === "all" &&
        next !== undefined &&
        ahead === undefined &&
        runtime.hasRoomAhead(() => bytesOf(next))
      ) {
        ahead = { layer: next, loaded: load(next, queries) };
        // A search that stops early never takes it, so its failure must not stay unhandled.
        ahead.loaded.catch(() => {});
      }
      return taken;
    },
    close: drop,
  };
}
