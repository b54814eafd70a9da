/**
 * One unit of a sweep: a single walk down the model covers all thresholds, then every distinct circuit is
 * measured once (many thresholds give the same one).
 */
import { prepareSearch } from "../discovery/prepare.ts";
import type { SweepEntry } from "../discovery/sweep.ts";
import { type AlphaResult, sweep } from "../discovery/sweep.ts";
import { searchSets } from "../jobs/prompts.ts";
import { type KnownCircuit, knownHeads } from "../known/known-circuits.ts";
import { recoveryRates } from "../known/recovery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { circuitKey, listsOf } from "../transformer/circuit.ts";
import { headCountsOf } from "../transformer/component.ts";
import { formatIndices } from "../transformer/index-runs.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { EvaluationCounts, UnitRecord } from "./sweep-journal.ts";
import { measureCircuits } from "./sweep-measures.ts";
import { alphasOfUnit, type SweepPlan, type SweepUnit } from "./sweep-plan.ts";
import type { SweepRow } from "./sweep-row.ts";

export interface UnitJob {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Transformer;
  readonly plan: SweepPlan;
  readonly unit: SweepUnit;
  /** The tokens of "00" … "99" where the test prompts ask for a later year. */
  readonly years: readonly number[] | undefined;
  /** The results of an earlier run. */
  readonly record: UnitRecord | undefined;
  /** Stores an evaluation; it is awaited before the next one is made. */
  readonly onEntry: (entry: SweepEntry) => Promise<void>;
  readonly onRow: (row: SweepRow) => Promise<void>;
  /** @param share of the unit's work that is done, 0 … 1, roughly. */
  readonly onProgress: (share: number, evaluations: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface UnitResult extends EvaluationCounts {
  /** Rows with ascending α. */
  readonly rows: readonly SweepRow[];
}

/** The walk's share of a unit's time; the rest is measuring. On nano's IOI it was 32 s of 49. */
const WALK = 0.66;

export async function runUnit(job: UnitJob): Promise<UnitResult> {
  const { runtime, model, plan, unit, years, record, onEntry, onRow, onProgress, signal } = job;
  const { encoded, ablation, mlps } = unit;
  const { means, firstPosition: choice = "auto", order, valueBias, maxKl } = plan;
  const alphas = alphasOfUnit(plan, unit);
  const { evaluator, replacements, firstPosition } = await prepareSearch(
    runtime,
    model,
    searchSets(encoded),
    {
      ...{ ablation, valueBias, means, firstPosition: choice, signal },
    },
  );
  const { results, evaluations, separately } = await sweep(evaluator, model, {
    ...{ alphas, mlps, order, maxKl, signal },
    resume: record?.entries ?? [],
    async onDecision(entry, progress) {
      await onEntry(entry);
      // Lower layers have more groups, and more layers above them.
      onProgress(WALK * (progress.candidate / progress.candidates) ** 2, progress.evaluations);
    },
  });
  await evaluator.close();

  const measure = measureCircuits({ runtime, model, encoded, replacements, means, years, signal });
  const rows = new Map((record?.rows ?? []).map((row) => [row.alpha, row]));
  const groups = byCircuit(results);
  for (const [index, sharing] of groups.entries()) {
    const missing = sharing.filter(({ alpha }) => !rows.has(alpha));
    const [first] = missing;
    if (first === undefined) continue;
    signal?.throwIfAborted();
    const measures = await measure(first.circuit, first.kl);
    for (const { alpha, circuit } of missing) {
      const kept = listsOf(circuit);
      const row: SweepRow = {
        ...{ task: unit.task, seed: unit.seed, ablation, mlps, alpha },
        ...(firstPosition && { firstPosition: firstPosition.firstPosition }),
        ...{ heads: kept.heads, mlpsKept: kept.mlps },
        ...(kept.neurons && {
          neuronsKept: kept.neurons.map(([layer, own]) => [layer, formatIndices(own)] as const),
        }),
        ...measures,
        ...knownRates(circuit, plan.known.get(unit.task), model),
      };
      await onRow(row);
      rows.set(alpha, row);
    }
    onProgress(WALK + ((1 - WALK) * (index + 1)) / groups.length, evaluations);
  }
  return {
    rows: [...rows.values()].sort((a, b) => a.alpha - b.alpha),
    ...{ evaluations, separately },
  };
}

function knownRates(
  circuit: AlphaResult["circuit"],
  known: KnownCircuit | undefined,
  model: Transformer,
): Pick<SweepRow, "known"> {
  if (known === undefined) return {};
  const headCounts = headCountsOf(model);
  const { tpr, fpr } = recoveryRates(circuit, knownHeads(known), headCounts);
  return { known: { id: known.id, tpr, fpr } };
}

function byCircuit(results: readonly AlphaResult[]): readonly (readonly AlphaResult[])[] {
  const groups = new Map<string, AlphaResult[]>();
  for (const result of results) {
    const name = circuitKey(result.circuit);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [result]);
    else group.push(result);
  }
  return [...groups.values()];
}
