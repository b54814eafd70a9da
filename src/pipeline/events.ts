/** What long operations tell about their progress, as they go. */
import type { HubProgress } from "../checkpoint/hub.ts";
import type { Decision } from "../discovery/search.ts";

/** The steps of an extraction, in the order in which they come. */
export type Step =
  | "download"
  | "activations" // one pass over the patching and validation prompts
  | "search"
  | "export" // surgery, lowering, writing
  | "verify" // standalone against patched
  | "measure"; // accuracy, KL and time

export type PithEvent =
  | { readonly kind: "step"; readonly step: Step }
  | { readonly kind: "download"; readonly progress: HubProgress }
  /** How far the current step is; `total` in whatever unit the step counts. */
  | { readonly kind: "progress"; readonly step: Step; readonly done: number; readonly total: number }
  /** The search's shape, once before its first decision. `resumed` decisions come from the journal. */
  | {
      readonly kind: "search";
      readonly layers: number;
      readonly headsPerLayer: readonly number[];
      readonly candidates: number;
      readonly resumed: readonly Decision[];
    }
  | { readonly kind: "decision"; readonly decision: Decision; readonly done: number; readonly total: number };

export type OnEvent = (event: PithEvent) => void;
