/**
 * A gated model small enough to be worked out by hand, for tests: logits are a sum over open gates, so losses,
 * gradients and Fisher probes are short formulas in float64.
 */
import { createRandom } from "../../tasks/random.ts";
import { type GateShape, type GateValues, gatesOfLayer, uniformGates } from "../../transformer/gates.ts";
import type { GatedModel } from "../gates/gated-model.ts";

/** What each gate writes to the logits of each prompt: [classes]. */
export type WriteOf = (
  kind: "heads" | "neurons",
  layer: number,
  at: number,
  prompt: number,
) => readonly number[];

/** A gate that writes: of a head, or of a neuron, which its MLP's gate closes too. */
interface Part {
  readonly kind: "heads" | "neurons";
  readonly layer: number;
  readonly at: number;
}

function partsOf({ heads, neurons }: GateShape): readonly Part[] {
  const some = (kind: Part["kind"], layer: number, count: number) =>
    Array.from({ length: count }, (_, at): Part => ({ kind, layer, at }));
  return heads.flatMap((count, layer) => [
    ...some("heads", layer, count),
    ...some("neurons", layer, neurons[layer] ?? 0),
  ]);
}

const ofMlp = (gates: GateValues, { kind, layer }: Part): number =>
  kind === "neurons" ? (gates.mlps[layer] ?? 0) : 1;

const own = (gates: GateValues, { kind, layer, at }: Part): number =>
  gatesOfLayer(gates, kind, layer)[at] ?? 0;

/** The distribution of a prompt's answer. */
function sharesOf(shape: GateShape, writes: WriteOf, gates: GateValues, prompt: number): readonly number[] {
  const logits: number[] = [];
  for (const part of partsOf(shape)) {
    const open = own(gates, part) * ofMlp(gates, part);
    for (const [at, value] of writes(part.kind, part.layer, part.at, prompt).entries())
      logits[at] = (logits[at] ?? 0) + open * value;
  }
  const exps = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = exps.reduce((one, other) => one + other, 0);
  return exps.map((value) => value / sum);
}

/** ∂(slope·logits)/∂gate of every gate, as a change of sums. */
function addSlopes(
  sums: GateValues,
  { shape, writes, gates, prompt }: { shape: GateShape; writes: WriteOf; gates: GateValues; prompt: number },
  slope: readonly number[],
  scale: (value: number) => number,
): void {
  const mlps = new Float64Array(shape.heads.length);
  for (const part of partsOf(shape)) {
    const write = writes(part.kind, part.layer, part.at, prompt);
    const along = write.reduce((sum, value, at) => sum + value * (slope[at] ?? 0), 0);
    const target = gatesOfLayer(sums, part.kind, part.layer);
    target[part.at] = (target[part.at] ?? 0) + scale(along * ofMlp(gates, part));
    if (part.kind === "neurons") mlps[part.layer] = (mlps[part.layer] ?? 0) + along * own(gates, part);
  }
  for (const [layer, value] of mlps.entries()) sums.mlps[layer] = (sums.mlps[layer] ?? 0) + scale(value);
}

function divided({ heads, mlps, neurons }: GateValues, by: number): GateValues {
  return {
    heads: heads.map((values) => values.map((value) => value / by)),
    mlps: mlps.map((value) => value / by),
    neurons: neurons.map((values) => values.map((value) => value / by)),
  };
}

export function madeGatedModel(
  shape: GateShape,
  { prompts, patching }: { readonly prompts: number; readonly patching: number },
  writes: WriteOf,
): GatedModel {
  const whole = uniformGates(shape, 1);
  const all = Array.from({ length: prompts }, (_, prompt) => prompt);
  const shares = (gates: GateValues, prompt: number) => sharesOf(shape, writes, gates, prompt);
  const lossOf = (gates: GateValues, prompt: number) => {
    const q = shares(gates, prompt);
    return shares(whole, prompt).reduce((sum, p, at) => sum + p * Math.log(p / (q[at] ?? 1)), 0);
  };
  return {
    ...{ prompts, patching, shape },
    losses: async (gates, { prompts: asked = all }) =>
      Float64Array.from(asked, (prompt) => lossOf(gates, prompt)),
    async gradients(gates, { prompts: asked = all }) {
      const sums = uniformGates(shape, 0);
      for (const prompt of asked) {
        const p = shares(whole, prompt);
        const slope = shares(gates, prompt).map((share, at) => share - (p[at] ?? 0));
        addSlopes(sums, { shape, writes, gates, prompt }, slope, (value) => value);
      }
      const losses = Float64Array.from(asked, (prompt) => lossOf(gates, prompt));
      return { losses, gradients: divided(sums, asked.length) };
    },
    async fisher(gates, { prompts: asked = all, seed }) {
      const sums = uniformGates(shape, 0);
      for (const prompt of asked) {
        const random = createRandom(seed + prompt);
        const q = shares(gates, prompt);
        const signed = q.map((share) => Math.sqrt(share) * (random.below(2) === 0 ? 1 : -1));
        const total = signed.reduce((sum, value) => sum + value, 0);
        const slope = signed.map((value, at) => value - (q[at] ?? 0) * total);
        addSlopes(sums, { shape, writes, gates, prompt }, slope, (value) => value ** 2);
      }
      return divided(sums, asked.length);
    },
    predictions: async (gates, { prompts: asked = all } = {}) =>
      Int32Array.from(asked, (prompt) => {
        const own = shares(gates, prompt);
        return own.indexOf(Math.max(...own));
      }),
    async close() {},
  };
}
