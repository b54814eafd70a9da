/**
 * The sessions with which a layer is tried. Layers come last to first, so the next one is known: its weights
 * are read and handed over while the candidates of the one before it are evaluated.
 */
import type { Queries } from "../lowering/attention.ts";
import { type ConstantRows, keptParts, removeHead, trialAttention } from "../lowering/stages.ts";
import type { Runtime, Session } from "../runtime/runtime.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { wholeBlock } from "./forward.ts";

export interface LayerSessions {
  readonly attention: Session;
  readonly removal: Session;
  readonly mlp: Session;
}

export interface LayerLoader {
  /** The layer's sessions; whoever takes them unloads them. Begins to load the layer below. */
  take(layer: number, queries: Queries): Promise<LayerSessions>;
  close(): Promise<void>;
}

export function createLayerLoader(runtime: Runtime, model: Transformer, rows: ConstantRows): LayerLoader {
  let ahead: { readonly layer: number; readonly sessions: Promise<LayerSessions> } | undefined;

  const load = async (layer: number, queries: Queries): Promise<LayerSessions> => {
    const { attention, mlp } = wholeBlock(model, layer);
    return {
      attention: await runtime.load(trialAttention(attention, model.width, queries)),
      removal: await runtime.load(removeHead(attention, model.width)),
      mlp: await runtime.load(
        keptParts([{ kind: "mlp", mlp }], model.width, queries === "last" ? "one" : rows),
      ),
    };
  };
  const unload = async (sessions: LayerSessions) => {
    for (const session of Object.values(sessions)) await session.unload();
  };

  return {
    async take(layer, queries) {
      // What is loaded ahead serves all positions; a sweep may try a layer for the last alone beside it.
      const loaded = ahead?.layer === layer && queries === "all" ? ahead.sessions : undefined;
      if (loaded !== undefined) ahead = undefined;
      const sessions = await (loaded ?? load(layer, queries));
      // Once a kept head reads every position, all layers below do; before that, it may still turn out so.
      if (queries === "all" && layer > 0 && ahead === undefined) {
        ahead = { layer: layer - 1, sessions: load(layer - 1, queries) };
        // A search that stops early never takes it; its failure is nobody's then.
        ahead.sessions.catch(() => {});
      }
      return sessions;
    },
    async close() {
      if (ahead !== undefined) await unload(await ahead.sessions);
      ahead = undefined;
    },
  };
}
