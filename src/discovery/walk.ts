/**
 * A walk down the layers, last to first, in which components are tried one after another, each below what has
 * been decided above it and above what the walk started from. Which of them go is the caller's rule.
 */
import type { Circuit } from "../transformer/circuit.ts";
import { type Component, componentName } from "../transformer/component.ts";
import type { LayerEvaluator } from "./evaluator.ts";
import type { LayerState } from "./layer-trial.ts";
import type { VisitAnswers } from "./scorer.ts";

/** The model as decided so far, less one more component. */
export interface Candidate {
  /** KL(original ‖ candidate) for each prompt, in nats. @param visit sees the candidate's logits. */
  kl(visit?: VisitAnswers): Promise<Float64Array>;
}

/**
 * @param start what the evaluator starts from.
 * @param tried in the order in which they are tried: of later layers first.
 * @param decide whether the component goes. A candidate whose KL is not asked for is not evaluated.
 * @returns `start` less the components that went.
 */
export async function walk(
  evaluator: LayerEvaluator,
  layers: number,
  start: Circuit,
  tried: readonly Component[],
  decide: (component: Component, candidate: Candidate) => Promise<boolean>,
  signal?: AbortSignal,
): Promise<Circuit> {
  const gone: Component[] = [];
  const lowest = Math.min(layers, ...tried.map(({ layer }) => layer));
  let upper = evaluator.top;
  for (let layer = layers - 1; layer >= lowest; layer--) {
    signal?.throwIfAborted();
    const here = tried.filter((each) => each.layer === layer);
    if (here.length === 0) {
      upper = await evaluator.keepLayer(layer, upper);
      continue;
    }
    const below = Math.max(-1, ...tried.filter((each) => each.layer < layer).map((each) => each.layer));
    const trial = await evaluator.openLayer(layer, upper, below);
    let state = trial.start;
    for (const component of here) {
      signal?.throwIfAborted();
      let without: LayerState | undefined;
      const make = async () => {
        without ??=
          component.kind === "head"
            ? await trial.withoutHead(state, component.head)
            : trial.withoutMlp(state);
        return without;
      };
      const current = upper;
      const goes = await decide(component, {
        kl: async (visit) => trial.kl(await make(), current, visit),
      });
      if (goes) {
        const next = await make();
        await trial.discard(state);
        state = next;
        gone.push(component);
      } else if (without !== undefined) {
        await trial.discard(without);
      }
    }
    // Nothing is tried below the lowest, so nothing of what is above needs to run again.
    if (layer > lowest) upper = await trial.close(state, upper);
    await trial.discard(state);
    await trial.end(layer > lowest ? [upper] : []);
  }
  return without(start, gone);
}

/** A circuit less some components. */
export function without(circuit: Circuit, gone: readonly Component[]): Circuit {
  const names = new Set(gone.map(nameOf));
  return {
    heads: circuit.heads.filter(([layer, head]) => !names.has(nameOf({ kind: "head", layer, head }))),
    mlps: circuit.mlps.filter((layer) => !names.has(nameOf({ kind: "mlp", layer }))),
  };
}

/** Whether a circuit keeps a component. */
export function keeps({ heads, mlps }: Circuit, component: Component): boolean {
  return component.kind === "mlp"
    ? mlps.includes(component.layer)
    : heads.some(([layer, head]) => layer === component.layer && head === component.head);
}

/** A component's name in the whole model, "3.head.1" or "3.mlp". */
export function nameOf(component: Component): string {
  return `${component.layer}.${componentName(component)}`;
}
