/**
 * Facts that distinguish runs of the same name: their thresholds and results, read once for each run and state.
 */
import { type Signal, signal } from "@preact/signals";
import { formatBytes, formatShare, plural } from "../../src/report/format.ts";
import { keptCounts } from "../../src/report/kept-text.ts";
import type { RunDetail, RunState } from "../../src/server/api.ts";
import { unbroken } from "../parts/unbroken.ts";
import { get } from "./api-client.ts";

const facts = new Map<string, Signal<readonly string[]>>();
/** One after another, so that a list of a thousand runs does not send a thousand requests at once. */
let last: Promise<unknown> = Promise.resolve();

/** Empty until the facts are read. */
export function factsOf(id: string, state: RunState): Signal<readonly string[]> {
  const key = `${id} ${state}`;
  const known = facts.get(key);
  if (known !== undefined) return known;
  const made = signal<readonly string[]>([]);
  facts.set(key, made);
  last = last
    .then(async () => {
      made.value = describe(await get<RunDetail>(`/api/runs/${encodeURIComponent(id)}`));
    })
    // The list works without them; the next visit tries again.
    .catch(() => facts.delete(key));
  return made;
}

function describe({ request, circuit, rows }: RunDetail): readonly string[] {
  if (request.kind === "sweep") {
    const { alphas } = request;
    return [
      alphas.length === 1 ? alphaText(alphas[0]) : `α from ${Math.min(...alphas)} to ${Math.max(...alphas)}`,
      ...(rows === undefined ? [] : [plural(rows.length, "circuit")]),
    ].map(unbroken);
  }
  const { alpha, ablation, means } = request.options;
  const settings = [
    alphaText(alpha),
    ...(ablation === "zero" ? ["zeros"] : []),
    ...(means === "pooled" ? ["any length"] : []),
  ];
  if (circuit === undefined) return settings.map(unbroken);
  const { accuracy, bytes } = circuit.metrics;
  const said = accuracy.test ?? accuracy.validation;
  return [
    ...settings,
    ...(said === undefined
      ? []
      : [`${formatShare(said.circuit)} right${accuracy.test === undefined ? " (validation)" : " (unseen)"}`]),
    keptCounts(circuit.kept).join(", "),
    formatBytes(bytes.circuit),
  ].map(unbroken);
}

function alphaText(alpha: number | undefined): string {
  return `α = ${alpha}`;
}
