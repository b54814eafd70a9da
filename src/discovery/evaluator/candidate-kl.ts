/**
 * KL of a choice of one layer's components, below each of several uppers. The layer's own MLP runs once for all
 * of them, and so do shared stages above it.
 */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import type { LayerComponents } from "../../transformer/component.ts";
import { addConstants, type Constant } from "../constant.ts";
import type { Group } from "./answer-rows.ts";
import type { JoinedLayer } from "./joined-layer.ts";
import type { Scorer, VisitAnswers } from "./scorer.ts";
import { byLowest, type Entry, withoutLowest } from "./shared-stages.ts";
import { addBelow, runStage, runUpper, type Stage, type Upper } from "./upper.ts";

interface Tools {
  readonly runtime: Runtime;
  readonly scorer: Scorer;
}

/** The layer on trial, above its heads. */
export interface TrialTop {
  readonly groups: readonly Group[];
  /** The layer's MLP, if there is one. */
  readonly mlp: Stage | undefined;
  /** The constant after the MLP: b_2 if the MLP stays, else its replacement. */
  readonly afterMlp: (stays: boolean) => Constant;
  /** Present if a head's write can't be subtracted from the stream after the heads. */
  readonly joined: JoinedLayer | undefined;
}

interface Candidate extends LayerComponents {
  /** For each group the residual stream after the kept heads, without constants; not used for a joined layer. */
  readonly base: readonly DeviceTensor[];
  readonly constant: Constant;
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
  const here = candidate.mlp && mlp && { stage: mlp, constants: [constant] };
  const after = here ? afterMlp(true) : addConstants(constant, afterMlp(candidate.mlp));
  const bases = joined?.streams(candidate) ?? candidate.base.map(async (base) => base);
  // Not awaited: all batches are issued at once, so that the engine never waits for the next.
  const own = bases.map(async (base, index) =>
    here ? runStage(here, await base, lengthOf(groups, index)) : base,
  );
  const entries = uppers.map((above, index) => ({ index, rest: addBelow(above, after) }));
  try {
    yield* klOfEntries(tools, groups, entries, own, visit);
  } finally {
    if (here) await tools.runtime.release(...(await Promise.all(own)));
    if (joined) await tools.runtime.release(...(await Promise.all(bases)));
  }
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
