/**
 * Evaluates candidates of a layer before their turn, together, on the path that the decisions will probably take:
 * for devices that take longer to start a computation than to do it. Most heads are pruned, so pruning is
 * expected for each, until an earlier evaluation shows that it costs too much. If a decision differs from the
 * expected one, the results after it on the path are invalid and evaluated again. The decisions are the same as
 * for one candidate after another.
 */
import { type ComponentKind, nameInModel } from "../../transformer/component.ts";
import { mean } from "../mean.ts";
import type { SearchUnit } from "../search-units.ts";
import type { LayerChoice, LayerTrial } from "./layer-trial.ts";
import type { Upper } from "./upper.ts";

/** The probable decisions of a walk's caller. A wrong expectation costs time, and changes nothing else. */
export interface Expectation {
  /** KL at the start of the walk, in nats. */
  readonly kl: number;
  /** Whether a component will be pruned; `delta` is the increase of KL. */
  goes(kl: number, delta: number): boolean;
}

export interface Lookahead {
  /**
   * @param choice the layer's kept components, as decided so far.
   * @param rest the components that are still tried in this layer, from the candidate on.
   * @returns KL of each prompt for the choice without the candidate; undefined if nothing is tried together.
   */
  kl(
    trial: Pick<LayerTrial, "less" | "klOfEach">,
    choice: LayerChoice,
    rest: readonly SearchUnit[],
    upper: Upper,
  ): Promise<Float64Array | undefined>;
  /** Called for every decision in order. @param kl of each prompt, if the candidate was evaluated. */
  decided(goes: boolean, kl: Float64Array | undefined): void;
}

/** A candidate on the expected path. */
interface Foreseen {
  readonly unit: SearchUnit;
  readonly goes: boolean;
  readonly kl: Float64Array;
}

/** @param weights how many times each prompt counts in a mean. */
export function createLookahead(
  weights: readonly number[] | undefined,
  expectation: Expectation | undefined,
): Lookahead {
  let path: readonly Foreseen[] = [];
  // KL of the decided model; NaN if it was not evaluated.
  let current = expectation?.kl ?? Number.NaN;
  const expected = new Map<string, boolean>();

  return {
    async kl(trial, choice, rest, upper) {
      if (trial.klOfEach === undefined) return undefined;
      if (path.length === 0) {
        const ahead = aheadOf(rest).map((unit) => ({
          unit,
          goes: expected.get(nameOfUnit(unit)) ?? true,
        }));
        let decided = choice;
        const choices = ahead.map(({ unit, goes }) => {
          const less = lessUnit(trial, decided, unit);
          if (goes) decided = less;
          return less;
        });
        const kls = await trial.klOfEach(choices, upper);
        path = ahead.flatMap((each, index) => {
          const kl = kls[index];
          return kl === undefined ? [] : [{ ...each, kl }];
        });
      }
      return path[0]?.kl;
    },

    decided(goes, kl) {
      const [own, ...others] = path;
      const before = current;
      if (goes) current = kl === undefined ? Number.NaN : mean(kl, weights);
      if (own === undefined || own.goes === goes) {
        path = others;
        return;
      }
      path = [];
      let there = own.goes ? mean(own.kl, weights) : before;
      for (const other of others) {
        const found = mean(other.kl, weights);
        const delta = found - there;
        if (expectation !== undefined && Number.isFinite(delta)) {
          expected.set(nameOfUnit(other.unit), expectation.goes(found, delta));
        }
        if (other.goes) there = found;
      }
    },
  };
}

/** The heads that come next, or the MLP alone: the stages above the heads are the same for all of them. */
function aheadOf(rest: readonly SearchUnit[]): readonly SearchUnit[] {
  const end = rest.findIndex((unit) => !unit.every(({ kind }) => goesTogether(kind)));
  return end === -1 ? rest : rest.slice(0, Math.max(1, end));
}

const nameOfUnit = (unit: SearchUnit): string => unit.map(nameInModel).join(" ");

/** The choice less all of a unit. */
export function lessUnit(
  trial: Pick<LayerTrial, "less">,
  choice: LayerChoice,
  unit: SearchUnit,
): LayerChoice {
  return unit.reduce((rest, component) => trial.less(rest, component), choice);
}

/** Whether several components of this kind can be tried together. */
function goesTogether(kind: ComponentKind): boolean {
  switch (kind) {
    case "head":
      return true;
    case "mlp":
    case "neuron":
      return false;
  }
}
