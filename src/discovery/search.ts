/**
 * Algorithm 1 of the paper, with the published code's conventions as default: layers last to first; in a
 * layer heads 0 … H−1, then its MLP; a component is pruned for good if the KL divergence to the original
 * grows by less than α when it is replaced.
 */

import type { Circuit } from "../transformer/circuit.ts";
import { type Component, componentName } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { Evaluator } from "./evaluator.ts";

/** `downstream` tests a layer's MLP before its heads, the strict reverse of the order in which they compute. */
export type Order = "published" | "downstream";

/** One line of a trace. */
export interface Decision {
  readonly layer: number;
  /** "head.3" or "mlp". */
  readonly component: string;
  /** KL(original ‖ model with the component replaced), in nats, mean over the validation prompts. */
  readonly kl: number;
  /** `kl` less the KL of the model as decided before. */
  readonly delta: number;
  readonly pruned: boolean;
}

export interface SearchOptions {
  readonly alpha: number;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  readonly order: Order;
  /** Decisions of an earlier run of the same search, from its start: they are taken over, not evaluated. */
  readonly resume?: readonly Decision[];
  /** Overrides the rule, for benchmarks: every candidate is still evaluated. */
  readonly decide?: (component: Component) => boolean;
  /** Called with every new decision before the next candidate is tried. */
  readonly onDecision?: (decision: Decision, done: number, total: number) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchResult {
  readonly circuit: Circuit;
  readonly trace: readonly Decision[];
  /** KL of the circuit: the last pruned candidate's. */
  readonly kl: number;
}

/** The candidates in the order in which they are tried. */
export function candidates(
  model: Transformer,
  options: Pick<SearchOptions, "mlps" | "order">,
): readonly Component[] {
  return model.blocks
    .map((block, layer): readonly Component[] => {
      const heads = (block.attention?.heads ?? []).map((head): Component => ({ kind: "head", layer, head }));
      const mlp: readonly Component[] =
        options.mlps && block.mlp !== undefined ? [{ kind: "mlp", layer }] : [];
      return options.order === "published" ? [...heads, ...mlp] : [...mlp, ...heads];
    })
    .reverse()
    .flat();
}

export async function search(
  evaluator: Evaluator,
  model: Transformer,
  options: SearchOptions,
): Promise<SearchResult> {
  const all = candidates(model, options);
  const resumed = options.resume ?? [];
  const trace: Decision[] = [];
  const heads: (readonly [number, number])[] = [];
  const mlps: number[] = [];
  let upper = evaluator.top;
  let current = 0;

  for (let layer = model.blocks.length - 1; layer >= 0; layer--) {
    options.signal?.throwIfAborted();
    const trial = await evaluator.openLayer(layer, upper);
    let state = trial.start;
    for (const component of all.filter((each) => each.layer === layer)) {
      options.signal?.throwIfAborted();
      const known = resumed[trace.length];
      const prunes = known === undefined || known.pruned;
      if (prunes) {
        const candidate =
          component.kind === "head"
            ? await trial.withoutHead(state, component.head)
            : trial.withoutMlp(state);
        const decision = known ?? judge(component, mean(await trial.kl(candidate, upper)), current, options);
        if (decision.pruned) {
          await trial.discard(state);
          state = candidate;
          current = decision.kl;
        } else {
          await trial.discard(candidate);
        }
        trace.push(decision);
        if (known === undefined) await options.onDecision?.(decision, trace.length, all.length);
      } else {
        trace.push(known);
      }
    }
    upper = await trial.close(state, upper);
    heads.push(...state.heads.map((head): readonly [number, number] => [layer, head]));
    if (state.mlp) mlps.push(layer);
    await trial.discard(state);
    await trial.end([upper]);
  }
  return {
    circuit: {
      heads: heads.sort(([layerA, headA], [layerB, headB]) => layerA - layerB || headA - headB),
      mlps: mlps.sort((a, b) => a - b),
    },
    trace,
    kl: current,
  };
}

function judge(component: Component, kl: number, current: number, options: SearchOptions): Decision {
  const delta = kl - current;
  const pruned = options.decide === undefined ? delta < options.alpha : options.decide(component);
  return { layer: component.layer, component: componentName(component), kl, delta, pruned };
}

/** Over the prompts. */
export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
