/** Rankings of the original's components beside what the search found, for a report. */
import type { CircuitFile } from "../../export/circuit-file.ts";
import { rankCorrelation } from "../../measure/rank-correlation.ts";
import { keeps } from "../../transformer/circuit.ts";
import {
  type Component,
  componentsOfModel,
  nameInModel,
  nameOfRecord,
  shapeOf,
} from "../../transformer/component.ts";
import type { Model } from "../load-model.ts";
import { type RankedModel, type RankOptions, rank } from "../rank/rank.ts";
import type { Task } from "../read-task.ts";

/** A ranking as a report shows it. */
export interface ShownRanking extends Pick<RankedModel, "ranking" | "estimates" | "fails" | "loss"> {
  /** Spearman's rank correlation with the search's deltas; left out where the search has none to compare with. */
  readonly agreement?: number;
}

/** A component with its scores. */
export interface ScoredComponent {
  /** The component. */
  readonly component: Component;
  /** Whether the circuit keeps it. */
  readonly kept: boolean;
  /**
   * How much KL grew when the search replaced it, in nats; left out if it was not tried by itself, or its trial ended
   * early, at a lower bound.
   */
  readonly delta?: number;
  /** Its score by each ranking, in their order. */
  readonly scores: readonly number[];
}

/** Rankings beside the search's own decisions. */
export interface ShownRankings {
  /** The rankings. */
  readonly rankings: readonly ShownRanking[];
  /** Every head and MLP, the highest score of the first ranking first. */
  readonly components: readonly ScoredComponent[];
}

/** @param names of rankings, at least one. @param task the circuit's own. */
export async function rankForReport(
  { task: taken, replacement, search, kept }: CircuitFile,
  original: Model,
  task: Task,
  names: readonly string[],
  options: Pick<RankOptions, "threads" | "signal">,
): Promise<ShownRankings> {
  const { ablation, valueBias = "removed", means, firstPosition } = replacement;
  const { bos, seed, chat } = taken;
  const ranked: RankedModel[] = [];
  for (const ranking of names) {
    ranked.push(
      await rank(original, task, {
        ...{ ranking, components: ["heads", "mlps"], ablation, valueBias, means },
        // Only pooled means have it; where a folder does not say it, it was made before they could treat it apart.
        ...(ablation === "mean" && means === "pooled" && { firstPosition: firstPosition ?? "same" }),
        ...{ bos, chat: chat !== undefined, seed, ...options },
      }),
    );
  }
  const deltas = new Map(
    search.trace
      .filter(({ also, atLeast }) => also === undefined && atLeast !== true)
      .map((decision) => [nameOfRecord(decision), decision.delta] as const),
  );
  const scores = ranked.map(
    ({ components }) => new Map(components.map(({ component, score }) => [component, score])),
  );
  const components = componentsOfModel(shapeOf(original.transformer)).map((component): ScoredComponent => {
    const name = nameInModel(component);
    const delta = deltas.get(name);
    return {
      ...{ component, kept: keeps(kept, component), ...(delta !== undefined && { delta }) },
      scores: scores.map((own) => own.get(name) ?? Number.NaN),
    };
  });
  const tried = components.filter(({ delta }) => delta !== undefined);
  return {
    rankings: ranked.map(({ ranking, estimates, fails, loss }, at): ShownRanking => {
      const agreement = rankCorrelation(
        tried.map(({ delta }) => delta ?? 0),
        tried.map((each) => each.scores[at] ?? 0),
      );
      return {
        ranking,
        estimates,
        fails,
        ...(loss && { loss }),
        ...(agreement !== undefined && { agreement }),
      };
    }),
    components: components.sort((one, other) => (other.scores[0] ?? 0) - (one.scores[0] ?? 0)),
  };
}
