/**
 * MIB's curve along the ranking that a search has left in its trace: a component's score is by how much KL grew when
 * it was tried (positive = useful), of the last time that it was.
 */
import { type Decision, recordsOf } from "../../discovery/searches/decision.ts";
import {
  countAtShare,
  faithfulnessAreas,
  faithfulnessOf,
  mibShares,
} from "../../measure/faithfulness-areas.ts";
import { type Circuit, wholeCircuit, without } from "../../transformer/circuit.ts";
import { type Component, nameOfRecord, parseRecord, shapeOf } from "../../transformer/component.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import { type AssessedCircuit, measuredOf } from "./assess-circuits.ts";
import type { FaithfulnessCurve, MissingCurve } from "./evidence-result.ts";

/** The components of a trace, the most useful first; equal ones in the order of their trial. */
export function rankingOf(trace: readonly Decision[]): readonly Component[] {
  const scores = new Map<string, { readonly component: Component; readonly score: number }>();
  for (const decision of trace) {
    for (const record of recordsOf(decision)) {
      const component = parseRecord(record);
      if (component !== undefined) scores.set(nameOfRecord(record), { component, score: decision.delta });
    }
  }
  return [...scores.values()].sort((one, other) => other.score - one.score).map(({ component }) => component);
}

/** How many circuits {@link curveAlong} measures. */
export const curveEvaluations = mibShares.length + 2;

const noDistance =
  "Without all that the search tried, the model does as well as whole, so no circuit is more or less faithful.";

/** @param assess measures a circuit on the prompts. */
export async function curveAlong(
  model: Transformer,
  ranking: readonly Component[],
  assess: (circuit: Circuit) => Promise<AssessedCircuit>,
): Promise<FaithfulnessCurve | MissingCurve> {
  const shape = shapeOf(model);
  const all = wholeCircuit(shape);
  const keep = (count: number) => without(all, ranking.slice(count), shape);
  const none = await assess(keep(0));
  const whole = await assess(all);
  const isDifference = none.logitDifference !== undefined && whole.logitDifference !== undefined;
  const metricOf = ({ kl, logitDifference }: AssessedCircuit): number =>
    isDifference ? (logitDifference ?? Number.NaN) : -kl;
  const ends = { none: metricOf(none), whole: metricOf(whole) };
  if (ends.none === ends.whole) return { missing: noDistance };
  const counts = mibShares.map((share) => countAtShare(share, ranking.length));
  const found: AssessedCircuit[] = [];
  for (const count of counts) found.push(await assess(keep(count)));
  const values = found.map(metricOf);
  const faithfulness = faithfulnessOf(values, ends);
  return {
    metric: isDifference ? "logit-difference" : "negative-kl",
    scored: ranking.length,
    ...ends,
    points: found.map((circuit, index) => ({
      ...measuredOf(circuit),
      share: mibShares[index] ?? Number.NaN,
      count: counts[index] ?? Number.NaN,
      value: values[index] ?? Number.NaN,
      faithfulness: faithfulness[index] ?? Number.NaN,
    })),
    ...faithfulnessAreas(faithfulness),
  };
}
