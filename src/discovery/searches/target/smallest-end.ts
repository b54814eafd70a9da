/** Backward elimination from several starts; the smallest circuit at the end of any of them is the result. */
import { keeps } from "../../../transformer/circuit.ts";
import { bodyShare } from "../../../transformer/circuit-size.ts";
import type { Component } from "../../../transformer/component.ts";
import type { Transformer } from "../../../transformer/transformer.ts";
import type { Evaluator } from "../../evaluator/evaluator.ts";
import type { Assessment, Assessor } from "./assess.ts";
import { eliminate } from "./eliminate.ts";
import { shareRounding } from "./holds-target.ts";
import type { FoundCircuit, TriedCircuit } from "./tried-circuit.ts";

export interface SmallestEndOptions {
  readonly assessor: Assessor;
  readonly candidates: readonly Component[];
  readonly limit: number;
  readonly holds: (assessment: Assessment) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** Eliminates from every start that meets the target, as far as evaluations allow. @param best so far. */
export async function smallestEnd(
  evaluator: Evaluator,
  model: Transformer,
  starts: readonly TriedCircuit[],
  options: SmallestEndOptions,
  best?: FoundCircuit,
): Promise<FoundCircuit> {
  let found = best;
  for (const start of starts.filter((each) => each.holds)) {
    if (found !== undefined && isBare(found, options.candidates)) break;
    if (found !== undefined && options.assessor.evaluations() >= options.limit) break;
    const pass = start.trace.length === 0 ? 1 : 2;
    const { circuit, kl, accuracy, trace, minimal } = await eliminate(evaluator, model, start, {
      ...options,
      pass,
    });
    const ended: FoundCircuit = {
      ...{ circuit, kl, accuracy, alpha: start.alpha, settled: minimal },
      size: bodyShare(model, circuit),
      trace: [...start.trace, ...trace],
    };
    if (found === undefined || isBetter(ended, found)) found = ended;
  }
  if (found === undefined) throw new TypeError("even the original was not tried");
  return found;
}

/** Whether nothing more could be removed. */
export function isBare({ circuit }: FoundCircuit, all: readonly Component[]): boolean {
  return !all.some((component) => keeps(circuit, component));
}

function isBetter(one: FoundCircuit, other: FoundCircuit): boolean {
  if (Math.abs(one.size - other.size) > shareRounding) return one.size < other.size;
  if (one.settled !== other.settled) return one.settled;
  return one.kl < other.kl;
}
