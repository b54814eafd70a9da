/**
 * Compares what an interrupted search has journaled with the steps that its entries stand for: the component that
 * comes next, a finite KL, and what the rule makes of it. An entry that the search could not have written would
 * decide what is shipped without anybody noticing.
 */
import { type Circuit, circuitKey, keeps, wholeCircuit, without } from "../transformer/circuit.ts";
import { type Component, type ComponentRecord, nameInLayer, shapeOf } from "../transformer/component.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { BootstrapRun } from "./bootstrap.ts";
import type { PassesOptions } from "./searches/greedy/passes.ts";
import { candidates, type Decision, mayGo } from "./searches/greedy/search.ts";
import type { AssessmentEntry } from "./searches/target/assess.ts";
import type { SweepEntry, SweepOptions } from "./sweep.ts";

/** The first entry that stands for no step, and why. */
export interface StepFault {
  /** The entry's index in the journal. */
  readonly index: number;
  /** What is wrong with it: the end of a sentence that begins with the entry. */
  readonly why: string;
}

/** @param decisions of a search in passes, from its first on. */
export function faultInDecisions(
  model: Transformer,
  options: Pick<PassesOptions, "alpha" | "maxKl" | "mlps" | "order" | "passes">,
  decisions: readonly Decision[],
): StepFault | undefined {
  let circuit = wholeCircuit(shapeOf(model));
  let kl = 0;
  let index = 0;
  for (let pass = 1; pass <= options.passes; pass++) {
    const gone: Component[] = [];
    for (const component of candidates(model, options).filter((each) => keeps(circuit, each))) {
      const decision = decisions[index];
      if (decision === undefined) return undefined;
      const why =
        faultOfComponent(component, decision) ??
        (decision.pass === (pass > 1 ? pass : undefined)
          ? undefined
          : `it is of another pass than ${pass}`) ??
        faultOfRule(decision, kl, options);
      if (why !== undefined) return { index, why };
      if (decision.pruned) {
        gone.push(component);
        kl = decision.kl;
      }
      index++;
    }
    if (gone.length === 0) break;
    circuit = without(circuit, gone);
  }
  return index < decisions.length ? { index, why: "the search had ended before it" } : undefined;
}

/** @param before the KL of what had been pruned before. */
function faultOfRule(
  { kl, delta, pruned }: Decision,
  before: number,
  { alpha, maxKl }: Pick<PassesOptions, "alpha" | "maxKl">,
): string | undefined {
  if (!Number.isFinite(kl)) return "its KL is not finite";
  if (delta !== kl - before) return `its KL is ${kl} after ${before}, and it says that it grew by ${delta}`;
  if (pruned === mayGo(kl, delta, alpha, maxKl)) return undefined;
  return `a KL that grows by ${delta} ${pruned ? "keeps" : "prunes"} a component at α = ${alpha}`;
}

function faultOfComponent(
  expected: Component | undefined,
  { layer, component }: ComponentRecord,
): string | undefined {
  if (expected === undefined) return "no component is left for it";
  const name = nameInLayer(expected);
  if (expected.layer === layer && name === component) return undefined;
  return `it stands for layer ${layer}, ${component.slice(0, 40)}, where layer ${expected.layer}, ${name}, is tried`;
}

/** Follows the entries of one sweep. */
export interface SweepFollower {
  /** Takes the next entry. @returns why it can't be one, if so. */
  take(entry: SweepEntry): string | undefined;
  /** What the entries so far make of one threshold; undefined where they don't reach the end. */
  circuitAt(alpha: number): Circuit | undefined;
  readonly entries: number;
}

/** What is known where some thresholds have chosen alike. */
interface Reached {
  readonly alphas: readonly number[];
  readonly kl: number;
}

export function followSweep(
  model: Transformer,
  options: Pick<SweepOptions, "alphas" | "maxKl" | "mlps" | "order">,
): SweepFollower {
  const all = candidates(model, options);
  const kls = new Map<string, number>();
  const reached = new Map<string, Reached>([["", { alphas: options.alphas, kl: 0 }]]);
  const goes = (alpha: number, kl: number, before: number) => mayGo(kl, kl - before, alpha, options.maxKl);
  return {
    get entries() {
      return kls.size;
    },
    take(entry) {
      const { path, kl } = entry;
      const from = reached.get(path);
      if (from === undefined) return "no threshold leads to it from the entries before it";
      const why = faultOfComponent(all[path.length], entry);
      if (why !== undefined) return why;
      if (!Number.isFinite(kl)) return "its KL is not finite";
      if (kls.has(path)) return "an entry before it stands for the same step";
      kls.set(path, kl);
      const pruning = from.alphas.filter((alpha) => goes(alpha, kl, from.kl));
      const keeping = from.alphas.filter((alpha) => !pruning.includes(alpha));
      if (pruning.length > 0) reached.set(`${path}p`, { alphas: pruning, kl });
      if (keeping.length > 0) reached.set(`${path}k`, { alphas: keeping, kl: from.kl });
      return undefined;
    },
    circuitAt(alpha) {
      let path = "";
      let before = 0;
      for (let step = 0; step < all.length; step++) {
        const kl = kls.get(path);
        if (kl === undefined) return undefined;
        const prunes = goes(alpha, kl, before);
        path += prunes ? "p" : "k";
        if (prunes) before = kl;
      }
      return without(
        wholeCircuit(shapeOf(model)),
        all.filter((_, step) => path[step] === "p"),
      );
    },
  };
}

/** @param entry an evaluation of a search for a target. @returns why it can't be one, if so. */
export function faultInAssessment(
  model: Transformer,
  { circuit, kl, accuracy }: AssessmentEntry,
): string | undefined {
  const whole = circuitKey(wholeCircuit(shapeOf(model))).split(" ");
  let at = -1;
  for (const name of circuit === "" ? [] : circuit.split(" ")) {
    at = whole.indexOf(name, at + 1);
    if (at < 0) return `"${name.slice(0, 40)}" is no component of the model in its place`;
  }
  if (!Number.isFinite(kl)) return "its KL is not finite";
  if (accuracy !== undefined && !(accuracy >= 0 && accuracy <= 1)) return "its accuracy is no share";
  return undefined;
}

/** @param runs of a bootstrap, in any order. */
export function faultInRuns(model: Transformer, runs: readonly BootstrapRun[]): StepFault | undefined {
  const seen = new Set<number>();
  for (const [index, { run, circuit, kl }] of runs.entries()) {
    if (seen.has(run)) return { index, why: "an entry before it is of the same run" };
    seen.add(run);
    const why = faultInAssessment(model, { circuit: circuitKey(circuit), kl });
    if (why !== undefined) return { index, why };
  }
  return undefined;
}
