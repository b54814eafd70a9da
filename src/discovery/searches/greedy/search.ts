/**
 * Algorithm 1 of the paper, with the published code's conventions as default: layers last to first; in a layer
 * heads 0 … H−1, then its MLP; a component is pruned permanently if the KL divergence from the original grows by
 * less than α when it is replaced. Increases below α add up; `maxKl` limits the sum.
 */

import { type Circuit, keeps, wholeCircuit, without } from "../../../transformer/circuit.ts";
import {
  type Component,
  componentOf,
  componentsOnTrial,
  nameOfRecord,
  type Order,
  shapeOf,
} from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { LayerEvaluator } from "../../evaluator/evaluator.ts";
import { type Candidate, walk } from "../../evaluator/walk.ts";
import { mean } from "../../mean.ts";
import { recordOfUnit, type SearchUnit, type SearchUnits, unitsOnTrial } from "../../search-units.ts";
import { type Decision, recordsOf, type SearchResult } from "../decision.ts";
import { isKeptFrom, leastMean } from "./early-exit.ts";

export interface SearchOptions {
  readonly alpha: number;
  /** A component is kept if pruning it would take KL above this, however little KL grows; nats. */
  readonly maxKl?: number | undefined;
  /** Whether MLPs may be pruned. */
  readonly mlps: boolean;
  readonly order: Order;
  /** Whether a candidate that is certainly kept is not tried on the rest of the prompts; the decisions are the same. */
  readonly earlyExit?: boolean | undefined;
  /** Which components are tried together; left out: each by itself. */
  readonly units?: SearchUnits | undefined;
  /** Decisions of an earlier run of the same search, from its start: they are reused, not evaluated. */
  readonly resume?: readonly Decision[];
  /** Overrides the rule, for benchmarks: every candidate is still evaluated. */
  readonly decide?: (component: Component) => boolean;
  /** Called with every new decision before the next candidate is tried. */
  readonly onDecision?: (decision: Decision, done: number, total: number) => Promise<void> | void;
  readonly signal?: AbortSignal | undefined;
}

/** The components in the order in which they are tried. */
export function candidates(
  model: Transformer,
  options: Pick<SearchOptions, "mlps" | "order">,
): readonly Component[] {
  return componentsOnTrial(shapeOf(model), options);
}

/** The start of a search, if it is not the original: the result of earlier passes. */
export interface SearchStart {
  readonly circuit: Circuit;
  /** Its KL to the original, in nats. */
  readonly kl: number;
  readonly pass: number;
}

/** @param start the circuit that the evaluator was started from, if it is not the original. */
export async function search(
  evaluator: LayerEvaluator,
  model: Transformer,
  options: SearchOptions,
  start: SearchStart = { circuit: wholeCircuit(shapeOf(model)), kl: 0, pass: 1 },
): Promise<SearchResult> {
  const all = openUnits(model, options, start.circuit);
  const resumed = options.resume ?? [];
  const trace: Decision[] = [];
  let current = start.kl;
  // Each prompt's KL as decided so far; a decision that is reused tells only the mean.
  let hardness: Float64Array | "unknown" | undefined = start.kl === 0 ? undefined : "unknown";
  const exits = options.earlyExit === true && options.decide === undefined;
  const decide = async (unit: SearchUnit, candidate: Candidate): Promise<boolean> => {
    const known = resumed[trace.length];
    const found =
      known === undefined ? await measured(candidate, evaluator, current, exits, options) : undefined;
    const decision =
      known ?? judge(unit, found?.mean ?? Number.NaN, current, options, start.pass, found?.atLeast);
    if (decision.pruned) {
      current = decision.kl;
      hardness = found?.kl ?? "unknown";
    }
    trace.push(decision);
    if (known === undefined) await options.onDecision?.(decision, trace.length, all.length);
    return decision.pruned;
  };
  const expectation = {
    kl: start.kl,
    goes: (kl: number, delta: number) => mayGo(kl, delta, options.alpha, options.maxKl),
  };
  const circuit = await walk(evaluator, model.blocks.length, start.circuit, all, decide, {
    signal: options.signal,
    ...(options.decide === undefined && { expectation }),
    ...(exits && {
      async hardness(gone, candidates) {
        if (trace.length + candidates <= resumed.length) return undefined;
        if (hardness === "unknown") {
          hardness = await evaluator.measure?.(without(start.circuit, gone), undefined, options.signal);
        }
        return hardness;
      },
    }),
  });
  return { circuit, trace, kl: current };
}

/** The units of which the circuit still keeps something, in the order in which they are tried. */
export function openUnits(
  model: Transformer,
  options: Pick<SearchOptions, "mlps" | "order" | "units">,
  circuit: Circuit,
): readonly SearchUnit[] {
  return unitsOnTrial(model, options).filter((unit) => unit.some((component) => keeps(circuit, component)));
}

interface Measured {
  /** In nats, over the prompts; a lower bound where `atLeast` says so. */
  readonly mean: number;
  readonly atLeast?: true;
  /** Of each prompt. */
  readonly kl: Float64Array;
}

/** @param exits whether it ends as soon as the candidate is certainly kept. */
async function measured(
  candidate: Candidate,
  { weights }: Pick<LayerEvaluator, "weights">,
  current: number,
  exits: boolean,
  { alpha, maxKl }: Pick<SearchOptions, "alpha" | "maxKl">,
): Promise<Measured> {
  if (!exits) {
    const kl = await candidate.kl();
    return { mean: mean(kl, weights), kl };
  }
  const found = await candidate.klUntil((some) =>
    isKeptFrom(leastMean(some, weights), current, alpha, maxKl),
  );
  if (found.known.length === found.kl.length) return { mean: mean(found.kl, weights), kl: found.kl };
  return { mean: leastMean(found, weights).kl, atLeast: true, kl: found.kl };
}

function judge(
  unit: SearchUnit,
  kl: number,
  current: number,
  options: SearchOptions,
  pass: number,
  atLeast: true | undefined,
): Decision {
  const delta = kl - current;
  const [first] = unit;
  const pruned = (first && options.decide?.(first)) ?? mayGo(kl, delta, options.alpha, options.maxKl);
  const bound = atLeast === true ? { atLeast } : {};
  return { ...recordOfUnit(unit), kl, delta, pruned, ...bound, ...(pass > 1 && { pass }) };
}

/** All components that were not pruned; of several decisions on a component, the last one counts. */
export function circuitOfTrace(model: Transformer, trace: readonly Decision[]): Circuit {
  const last = new Map(
    trace.flatMap((decision) =>
      recordsOf(decision).map((record) => [nameOfRecord(record), { record, pruned: decision.pruned }]),
    ),
  );
  const gone = [...last.values()].filter(({ pruned }) => pruned).map(({ record }) => componentOf(record));
  return without(wholeCircuit(shapeOf(model)), gone);
}

/** The rule. A KL of NaN prunes nothing. */
export function mayGo(kl: number, delta: number, alpha: number, maxKl: number | undefined): boolean {
  return delta < alpha && (maxKl === undefined || kl <= maxKl);
}
