/**
 * KL of a choice of one layer's components, below each of several uppers. The layer's own MLP runs once for all
 * of them, and so do shared stages above it.
 */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import type { LayerComponents } from "../../transformer/component.ts";
import { addConstants, type Constant } from "../constant.ts";
import type { Group } from "./answer-rows.ts";
import type { HeadProducts } from "./head-products.ts";
import type { JoinedLayer } from "./joined-layer.ts";
import type { Scorer, VisitAnswers } from "./scorer.ts";
import { byLowest, type Entry, withoutLowest } from "./shared-stages.ts";
import { addBelow, runStage, runUpper, type Upper } from "./upper.ts";

interface Tools {
  readonly runtime: Runtime;
  readonly scorer: Scorer;
}

/** The layer on trial, above its heads. */
export interface TrialTop {
  readonly groups: readonly Group[];
  /**
   * The stream after the layer's MLP, without its b_2; undefined if there is no MLP above the heads.
   * @param x the candidate's stream after its heads. @param constant that is added to it.
   */
  readonly mlp:
    | ((candidate: Candidate, x: DeviceTensor, constant: Constant, group: number) => Promise<DeviceTensor>)
    | undefined;
  /** The constant after the MLP: b_2 if the MLP stays, else its replacement. */
  readonly afterMlp: (stays: boolean) => Constant;
  /** Present if a head's write can't be subtracted from the stream after the heads. */
  readonly joined: JoinedLayer | undefined;
}

interface Candidate extends LayerComponents {
  /** For each group the residual stream after the kept heads, without constants; not used for a joined layer. */
  readonly base: readonly DeviceTensor[];
  readonly constant: Constant;
  readonly products?: HeadProducts | undefined;
}

/**
 * @param visit gets the candidate's logits.
 * @returns pairs of an index into the uppers and the KL of each prompt, in nats, in any order.
 */
export async function* klBelowEach(
  tools: Tools,
  { groups, mlp, afterMlp, joined }: TrialTop,
  candidate: Candidate,
  uppers: readonly Upper[],
  visit?: VisitAnswers,
): AsyncGenerator<readonly [index: number, kl: Float64Array], void> {
  const constant = joined?.left(candidate.constant) ?? candidate.constant;
  const here = candidate.mlp ? mlp : undefined;
  const after = here ? afterMlp(true) : addConstants(constant, afterMlp(candidate.mlp));
  const bases = joined
    ? groups.map((_, group) => joined.stream(candidate, group))
    : candidate.base.map(async (base) => base);
  // Not awaited: all batches are issued at once, so that the engine never waits for the next.
  const own = bases.map(async (base, index) => (here ? here(candidate, await base, constant, index) : base));
  const entries = uppers.map((above, index) => ({ index, rest: addBelow(above, after) }));
  try {
    yield* klOfEntries(tools, groups, entries, own, visit);
  } finally {
    if (here) await tools.runtime.release(...(await Promise.all(own)));
    if (joined) await tools.runtime.release(...(await Promise.all(bases)));
  }
}

/** KL of the prompts that were needed. */
export interface KlSoFar {
  /** In nats; NaN for a prompt that was not needed. */
  readonly kl: Float64Array;
  /** The prompts whose KL is known. */
  readonly known: readonly number[];
}

/**
 * KL of each prompt, group by group, until enough is known.
 * @param enough is asked after each group.
 */
export async function klUntil(
  { runtime, scorer }: Tools,
  { groups, mlp, afterMlp, joined }: TrialTop,
  candidate: Candidate,
  above: Upper,
  enough: (found: KlSoFar) => boolean,
): Promise<KlSoFar> {
  const constant = joined?.left(candidate.constant) ?? candidate.constant;
  const here = candidate.mlp ? mlp : undefined;
  const after = here ? afterMlp(true) : addConstants(constant, afterMlp(candidate.mlp));
  const rest = addBelow(above, after);
  const kl = new Float64Array(groups.reduce((sum, { members }) => sum + members.length, 0)).fill(Number.NaN);
  const known: number[] = [];
  for (const [index, group] of groups.entries()) {
    const base = joined ? await joined.stream(candidate, index) : candidate.base[index];
    if (base === undefined) throw new RangeError("a batch without a residual stream");
    const own = here ? await here(candidate, base, constant, index) : base;
    const last = await runUpper(runtime, rest, own, group.length);
    const values = await scorer.scoreGroup(last, rest.last, group);
    for (const [at, member] of group.members.entries()) kl[member] = values[at] ?? Number.NaN;
    known.push(...group.members);
    const mine = new Set([last, own, ...(joined ? [base] : [])]);
    if (!joined) mine.delete(base);
    await runtime.release(...mine);
    if (index + 1 < groups.length && enough({ kl, known })) break;
  }
  return { kl, known };
}

/** Runs the stages above `x`; `x` is not released. */
async function* klOfEntries(
  tools: Tools,
  groups: readonly Group[],
  entries: readonly Entry[],
  x: readonly Promise<DeviceTensor>[],
  visit: VisitAnswers | undefined,
): AsyncGenerator<readonly [number, Float64Array], void> {
  const { runtime, scorer } = tools;
  for (const { lowest, sharing } of byLowest(entries)) {
    const [first, ...others] = sharing;
    if (first === undefined) continue;
    if (lowest === undefined || others.length === 0) {
      const last = await Promise.all(
        x.map(async (each, index) => runUpper(runtime, first.rest, await each, lengthOf(groups, index))),
      );
      const kl = await scorer.score(last, first.rest.last, groups, visit);
      // If there is nothing above, the result is `x` itself.
      if (lowest !== undefined) await runtime.release(...last);
      yield [first.index, kl];
    } else {
      const next = x.map(async (each, index) => runStage(lowest, await each, lengthOf(groups, index)));
      try {
        yield* klOfEntries(tools, groups, sharing.map(withoutLowest), next, visit);
      } finally {
        await runtime.release(...(await Promise.all(next)));
      }
    }
  }
}

const lengthOf = (groups: readonly Group[], index: number) => groups[index]?.length ?? 0;
