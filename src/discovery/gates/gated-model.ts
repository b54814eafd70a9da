/**
 * A model with a gate on every head, MLP and neuron, as searches and rankings that need gradients see it: losses of any
 * gates, and their gradients with respect to the gates.
 */

import { afterName, gateName } from "../../lowering/gate-stage.ts";
import type { Loss } from "../../lowering/loss-stages.ts";
import { createRandom } from "../../tasks/random.ts";
import {
  type GateKind,
  type GateShape,
  type GateValues,
  gateKinds,
  gateShapeOf,
  gatesOfLayer,
  uniformGates,
} from "../../transformer/gates.ts";
import type { GateEngine, Objective } from "./gate-engine.ts";
import { gatesForm, type StreamConstants, type VisitGradient } from "./gate-passes.ts";
import type { ProbeSigns } from "./row-losses.ts";

/** Which prompts a gated model runs on, and what ends it early. */
export interface GatedRun {
  /** Numbers of prompts, in any order; left out: all. */
  readonly prompts?: readonly number[] | undefined;
  /** Vectors that are added to the residual stream; left out: none. */
  readonly constants?: StreamConstants | undefined;
  /** Ends the run when it is aborted; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Losses, and the means over the prompts of their derivatives. */
export interface GateGradients {
  /** The loss of each prompt, in nats, in the order of the prompts asked for. */
  readonly losses: Float64Array;
  /** ∂loss/∂gate, for the kinds asked for. */
  readonly gradients: Partial<GateValues>;
  /** ∂loss/∂constant; left out where there are no constants. */
  readonly constants?: StreamConstants;
}

/** A model with gates, and its prompts. */
export interface GatedModel {
  /** How many prompts there are: the patching prompts, then the validation prompts. */
  readonly prompts: number;
  /** How many of them are patching prompts. */
  readonly patching: number;
  /** How many gates each layer has. */
  readonly shape: GateShape;
  /** The loss of each prompt, in nats, in the order of `prompts`. */
  losses(gates: GateValues, options: GatedRun & { readonly loss: Loss }): Promise<Float64Array>;
  /**
   * The same, and the mean over the prompts of ∂loss/∂gate, for the kinds asked for; where there are constants, of
   * ∂loss/∂constant too.
   */
  gradients(
    gates: GateValues,
    options: GatedRun & { readonly loss: Loss; readonly of: readonly GateKind[] },
  ): Promise<GateGradients>;
  /**
   * The Gauss–Newton diagonal of KL by random probes: the mean over prompts and probes of (∂(u·log q)/∂gate)², with q
   * the distribution of the model with these gates and u = √q∘r − q(√q·r) held constant, r of random signs. Half of it
   * is the second-order term of the KL between the model with these gates and the model with one of them at 0.
   */
  fisher(
    gates: GateValues,
    options: GatedRun & {
      readonly of: readonly GateKind[];
      /** The seed of the signs; the same seed gives the same signs to a prompt. */
      readonly seed: number;
      /** How many probes; left out: 1. */
      readonly probes?: number | undefined;
    },
  ): Promise<Partial<GateValues>>;
  /** The most likely token after each prompt. */
  predictions(gates: GateValues, options?: GatedRun): Promise<Int32Array>;
  /** Releases what it holds. */
  close(): Promise<void>;
}

/** @param patching how many of the engine's prompts, the first ones, are patching prompts. */
export function gatedModelOf(engine: GateEngine, patching: number): GatedModel {
  const { tools, prompts } = engine;
  const { model } = tools;
  const shape = gateShapeOf(model);
  const begin = async (
    gates: GateValues,
    { prompts: asked, constants, signal }: GatedRun,
    of?: readonly GateKind[],
  ) => {
    const taken = await engine.take(asked);
    return { taken, signal, form: gatesForm(tools, gates, taken.batches, of, constants) };
  };
  return {
    prompts: prompts.length,
    patching,
    shape,
    losses: async (gates, options) => engine.losses(await begin(gates, options), options.loss),
    async gradients(gates, { loss, of, ...options }) {
      const pass = await begin(gates, options, of);
      const sums = gateSums(shape, of, (value) => value);
      const added = options.constants && constantSums(options.constants);
      const visit: VisitGradient = (...gradient) => added?.visit(...gradient) || sums.visit(...gradient);
      const wrt = [...of.map(gateName), ...(added?.names ?? [])];
      const losses = await engine.differentiate(pass, { kind: "loss", loss }, wrt, visit);
      const count = pass.taken.prompts.length;
      return { losses, gradients: sums.divided(count), ...(added && { constants: added.divided(count) }) };
    },
    async fisher(gates, { of, seed, probes = 1, ...options }) {
      const pass = await begin(gates, options, of);
      const sums = gateSums(shape, of, (value) => value ** 2);
      for (let probe = 0; probe < probes; probe++) {
        const objective: Objective = { kind: "probe", signs: randomSigns(model.vocabularySize, seed, probe) };
        await engine.differentiate(pass, objective, of.map(gateName), sums.visit);
      }
      return sums.divided(pass.taken.prompts.length * probes);
    },
    predictions: async (gates, options = {}) => engine.predictions(await begin(gates, options)),
    close: () => engine.close(),
  };
}

/** Sums over prompts of what each prompt's gradients are mapped to, in float64. */
export function gateSums(shape: GateShape, of: readonly GateKind[], map: (value: number) => number) {
  const sums = uniformGates(shape, 0);
  const kinds = new Map(gateKinds.map((kind) => [gateName(kind), kind]));
  return {
    /** Takes a layer's gradients in, of each prompt of a batch. */
    visit(name: string, layer: number, _batch: unknown, values: Float32Array): void {
      const kind = kinds.get(name);
      if (kind === undefined) throw new RangeError(`${name} is no kind of gates`);
      const own = gatesOfLayer(sums, kind, layer);
      for (const [at, value] of values.entries())
        own[at % own.length] = (own[at % own.length] ?? 0) + map(value);
    },
    divided(count: number): Partial<GateValues> {
      const part = <T extends Float64Array>(values: T) => values.map((sum) => sum / count);
      return {
        ...(of.includes("heads") && { heads: sums.heads.map(part) }),
        ...(of.includes("mlps") && { mlps: part(sums.mlps) }),
        ...(of.includes("neurons") && { neurons: sums.neurons.map(part) }),
      };
    },
  };
}

/** Sums over prompts of gradients with respect to vectors that are added to the stream. */
function constantSums({ heads, mlps }: StreamConstants) {
  const zeros = (values: readonly Float64Array[]) => values.map(({ length }) => new Float64Array(length));
  const sums = new Map([
    [afterName("heads"), zeros(heads)],
    [afterName("mlps"), zeros(mlps)],
  ]);
  return {
    names: [...sums.keys()],
    /** @returns whether the gradient was of one of them. */
    visit(name: string, layer: number, _batch: unknown, values: Float32Array): boolean {
      const own = sums.get(name)?.[layer];
      own?.forEach((sum, at) => {
        own[at] = sum + (values[at] ?? Number.NaN);
      });
      return own !== undefined;
    },
    divided(count: number): StreamConstants {
      const part = (kind: "heads" | "mlps") =>
        (sums.get(afterName(kind)) ?? []).map((values) => values.map((sum) => sum / count));
      return { heads: part("heads"), mlps: part("mlps") };
    },
  };
}

/** Signs of random probes: each prompt's are drawn for itself. */
function randomSigns(vocabularySize: number, seed: number, probe: number): ProbeSigns {
  return (prompt, position) => {
    const { nextUint32 } = createRandom(
      (seed + 7919 * probe + 104_729 * prompt + 1_299_709 * position) % 2 ** 53,
    );
    const signs = new Float32Array(vocabularySize);
    let bits = 0;
    for (const at of signs.keys()) {
      if (at % 32 === 0) bits = nextUint32();
      signs[at] = (bits >>> (at % 32)) & 1 ? 1 : -1;
    }
    return signs;
  };
}
