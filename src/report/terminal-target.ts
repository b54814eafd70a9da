/**
 * A search for a target, for a terminal: whether the target was met, what the search cost, and how certain it is
 * that the circuit is smallest.
 */

import { findSearch } from "../discovery/searches/index.ts";
import type { CircuitFile } from "../export/circuit-file.ts";
import type { TargetRecord } from "../export/target-record.ts";
import { wilsonInterval } from "../measure/wilson.ts";
import { countComponents } from "../transformer/circuit.ts";
import { formatKl, formatShare, plural } from "./format.ts";
import type { Row } from "./layout.ts";

/** "for an accuracy of 99.0 % or more". */
export function targetText({ kind, value }: TargetRecord): string {
  if (kind === "accuracy") return `for an accuracy of ${formatShare(value)} or more`;
  return kind === "kl"
    ? `for a KL of ${value} nats or less`
    : `for ${formatShare(value)} of the body or less`;
}

/** Empty for a circuit of one α. */
export function targetRows(circuit: CircuitFile): readonly Row[] {
  const { target, metrics, task } = circuit;
  if (target === undefined) return [];
  const { kind, reached, settled, tried, evaluations, candidates } = target;
  const accuracy = reached.accuracy === undefined ? "" : `accuracy ${formatShare(reached.accuracy)}, `;
  const onValidation = `${accuracy}KL ${formatKl(reached.kl)} nats and ${formatShare(reached.size)} of the body on the validation prompts`;
  const test = metrics.accuracy.test;
  const lines = [`asked ${targetText(target)}: ${onValidation}`];
  if (test !== undefined && task.examples.test > 0) {
    const count = task.examples.test;
    const [low, high] = wilsonInterval(Math.round(test.circuit * count), count);
    lines.push(
      `on prompts it has not seen, 95 % sure: between ${formatShare(low)} and ${formatShare(high)} right (Wilson, ${plural(count, "test prompt")})`,
    );
  }
  if (findSearch(circuit.search.name)?.gates === true)
    return [
      ["target", ...lines],
      ["how sure", ...certaintyByGates(target)],
    ];
  const failed = tried.filter(({ size, holds }) => !holds && size < reached.size);
  const alphas = failed.map((each) => `α = ${each.alpha} ${outcome(each, kind)}`).join(", ");
  return [
    ["target", ...lines],
    [
      "how sure",
      settled
        ? certainty(kind, countComponents(circuit.kept), reached.size)
        : "the evaluations ran out before every single change was tried",
      ...(failed.length === 0 || kind === "size" ? [] : [`smaller circuits of a sweep fail: ${alphas}`]),
      `${evaluations} evaluations, as many as ${(evaluations / Math.max(1, candidates)).toFixed(1)} searches; at most 8 were allowed`,
    ],
  ];
}

/** Of a search by gates, which judges circuits as a whole. */
function certaintyByGates({
  settled,
  evaluations,
}: Pick<TargetRecord, "settled" | "evaluations">): readonly string[] {
  return [
    settled
      ? "no single head or MLP, and no block of eight neurons, could go in the end; other sets of several were not tried"
      : "it is a cut along a ranking; that nothing else of it could go was not tried",
    ...(evaluations > 0 ? [`${plural(evaluations, "circuit")} evaluated`] : []),
  ];
}

function certainty(kind: TargetRecord["kind"], kept: number, size: number): string {
  if (kind === "size")
    return "every other component that fits was tried beside these, and none lowers KL; exchanges were not tried";
  if (kept === 0) return "nothing is left that could go";
  if (size > 1 - 1e-12)
    return "nothing can go: each component that may be pruned was taken out alone and breaks the target, so the circuit is the whole model; sets of several were not tried";
  return `each of the ${plural(kept, "component")} was taken out alone and breaks the target, where it may go; sets of several were not tried`;
}

function outcome({ size, accuracy, kl }: TargetRecord["tried"][number], kind: TargetRecord["kind"]): string {
  const measure =
    kind === "accuracy" && accuracy !== undefined ? formatShare(accuracy) : `${formatKl(kl)} nats`;
  return `(${formatShare(size)} of the body) ${measure}`;
}
