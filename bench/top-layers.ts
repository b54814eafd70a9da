/**
 * A search for benchmarks of memory: it tries the components of the highest layers alone, keeps one head and the MLP
 * of each whatever they cost, and drops all other components untried. So the candidates are few at a model's true
 * shape, and the circuit has parts.
 */
import { z } from "zod";
import { walkComponents } from "../src/discovery/evaluator/walk.ts";
import { mean } from "../src/discovery/mean.ts";
import type { Decision } from "../src/discovery/searches/decision.ts";
import { registerSearch } from "../src/discovery/searches/index.ts";
import { componentsOf, wholeCircuit, without } from "../src/transformer/circuit.ts";
import { type Component, nameInLayer, shapeOf } from "../src/transformer/component.ts";

export const topLayers = "bench-top-layers";

/** Call it once, before `extract`. */
export function registerTopLayers(): void {
  registerSearch({
    name: topLayers,
    target: "none",
    schema: z.strictObject({ layers: z.int().min(1) }),
    describe: ({ layers }) => ({ rule: `top ${layers} layers`, decision: "One head and the MLP stay" }),
    async run({ model, evaluator, signal, onEvent }, { layers }) {
      const whole = wholeCircuit(shapeOf(model));
      const lowest = model.blocks.length - layers;
      const all = componentsOf(whole);
      const tried = all.filter(({ layer }) => layer >= lowest).sort((a, b) => b.layer - a.layer);
      const trace: Decision[] = [];
      let before = 0;
      onEvent({ kind: "begin", candidates: tried.length, resumed: [] });
      const stays = (component: Component) => component.kind !== "head" || component.head === 0;
      const walked = await walkComponents(
        evaluator,
        model.blocks.length,
        whole,
        tried,
        async (component, candidate) => {
          const kl = mean(await candidate.kl());
          const pruned = !stays(component);
          const { layer } = component;
          const decision = { layer, component: nameInLayer(component), kl, delta: kl - before, pruned };
          trace.push(decision);
          if (pruned) before = kl;
          onEvent({ kind: "decision", decision, done: trace.length, total: tried.length });
          return pruned;
        },
        { signal },
      );
      const circuit = without(
        walked,
        all.filter(({ layer }) => layer < lowest),
      );
      return { circuit, trace, kl: mean(await evaluator.measure(circuit)) };
    },
  });
}
