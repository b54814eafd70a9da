/** The circuits from which a search for a target starts: the original, and the circuits of sweeps over some α. */
import { type Circuit, sameCircuit, wholeCircuit } from "../../../transformer/circuit.ts";
import { bodyShare } from "../../../transformer/circuit-size.ts";
import { type Order, shapeOf } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import { type SweepEntry, sweep } from "../../sweep.ts";
import type { Decision } from "../decision.ts";
import type { Assessor } from "./assess.ts";
import type { HoldsTarget } from "./holds-target.ts";
import type { TriedCircuit } from "./tried-circuit.ts";

export interface StartsOptions {
  readonly assessor: Assessor;
  readonly holds: HoldsTarget;
  readonly mlps: boolean;
  readonly order: Order;
  /** The bound for the circuits of the sweeps. */
  readonly maxKl: number | undefined;
  /** Decisions of an earlier run of the same sweeps. */
  readonly resume: readonly SweepEntry[];
  readonly onDecision: (entry: SweepEntry) => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

export interface Starts {
  readonly original: TriedCircuit;
  /** The original and the sweeps' circuits, the largest first. */
  readonly tried: readonly TriedCircuit[];
  /** Adds the circuits of these α; @returns those that are new. */
  sweepTo(alphas: readonly number[]): Promise<readonly TriedCircuit[]>;
  /** Evaluations of the sweeps; the assessor counts its own. */
  evaluations(): number;
  /** The lowest α of all sweeps; infinite before the first. */
  leastAlpha(): number;
}

/** Evaluates the original. */
export async function openStarts(
  evaluator: Evaluator,
  model: Transformer,
  options: StartsOptions,
): Promise<Starts> {
  const { assessor, holds, mlps, order, maxKl, resume, onDecision, signal } = options;
  const whole = wholeCircuit(shapeOf(model));
  const tryCircuit = async (
    circuit: Circuit,
    alpha: number | undefined,
    trace: readonly Decision[],
  ): Promise<TriedCircuit> => {
    const assessment = await assessor.assess(circuit);
    const size = bodyShare(model, circuit);
    return { circuit, alpha, trace, size, ...assessment, holds: holds(assessment, size) };
  };
  const measured = await tryCircuit(whole, undefined, []);
  // The original's KL from itself is 0; a bound of 0 must not fail by rounding.
  const original: TriedCircuit = { ...measured, holds: holds({ ...measured, kl: 0 }, measured.size) };

  const known = new Map(resume.map((entry) => [entry.path, entry]));
  const asked = new Set<string>();
  let leastAlpha = Number.POSITIVE_INFINITY;
  const tried: TriedCircuit[] = [original];
  return {
    ...{ original, tried },
    evaluations: () => asked.size,
    leastAlpha: () => leastAlpha,
    async sweepTo(alphas) {
      await evaluator.restart(whole, signal);
      leastAlpha = Math.min(leastAlpha, ...alphas);
      const { results } = await sweep(evaluator, model, {
        ...{ alphas, mlps, order, signal, maxKl, resume: [...known.values()] },
        onDecision: async (entry) => {
          known.set(entry.path, entry);
          await onDecision(entry);
        },
      });
      const fresh: TriedCircuit[] = [];
      for (const { circuit, alpha, trace } of results) {
        for (const path of pathsOf(trace)) asked.add(path);
        if ([...tried, ...fresh].some((each) => sameCircuit(each.circuit, circuit))) continue;
        fresh.push(await tryCircuit(circuit, alpha, trace));
      }
      tried.push(...fresh);
      tried.sort((one, other) => other.size - one.size || one.kl - other.kl);
      return fresh;
    },
  };
}

/** The decisions before each decision of a search, as sweeps write them. */
function pathsOf(trace: readonly Decision[]): readonly string[] {
  const letters = trace.map(({ pruned }) => (pruned ? "p" : "k")).join("");
  return trace.map((_, step) => letters.slice(0, step));
}
