/** A search for a target as an extraction runs it (Node): journaled, told, and put as circuit.json says it. */
import { z } from "zod";
import type { Evaluator } from "../../discovery/evaluator/evaluator.ts";
import {
  faultInTarget,
  searchForTarget,
  type TargetEntry,
  type TargetResult,
} from "../../discovery/searches/target/target.ts";
import type { TargetRecord } from "../../export/target-record.ts";
import { isRight } from "../../measure/compare.ts";
import type { EncodedExample } from "../../tasks/encode-task.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import type { SearchSettings } from "./extract-options.ts";
import { openSearchJournal } from "./search-journal.ts";

const entrySchema: z.ZodType<TargetEntry> = z.union([
  z.object({ path: z.string(), layer: z.int().min(0), component: z.string(), kl: z.number() }),
  z.object({ circuit: z.string(), kl: z.number(), accuracy: z.number().optional() }),
]);

export interface TargetJob {
  readonly model: Transformer;
  readonly validation: readonly EncodedExample[];
  readonly settings: SearchSettings;
  readonly out: string;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: OnEvent | undefined;
}

/** @throws PithError "options" for a target that can't be held, or another search's journal. */
export async function runTarget(
  { model, validation, settings, out, key, signal, onEvent }: TargetJob,
  target: NonNullable<SearchSettings["target"]>,
  evaluator: Evaluator,
): Promise<{ readonly result: TargetResult; readonly removeJournal: () => Promise<void> }> {
  const { mlps, order, maxKl } = settings;
  const journal = await openSearchJournal<TargetEntry>({
    ...{ out, key, resume: settings.resume, schema: entrySchema },
    firstFault: (entries) => faultInTarget(model, { target, mlps, order, maxKl }, entries),
  });
  let done = journal.resumed.length;
  const result = await searchForTarget(evaluator, model, {
    ...{ target, mlps, order, maxKl, signal, resume: journal.resumed },
    isRight: (index, logits) => {
      const example = validation[index];
      if (example === undefined) throw new RangeError(`no validation example ${index}`);
      return isRight(example, logits);
    },
    onEvaluation: async (entry, _, most) => {
      await journal.append(entry);
      onEvent?.({ kind: "progress", step: "search", done: ++done, total: most });
    },
  });
  return { result, removeJournal: journal.remove };
}

export function targetRecord(
  target: NonNullable<SearchSettings["target"]>,
  { kl, accuracy, size, evaluations, candidates, alpha, settled, tried }: TargetResult,
): TargetRecord {
  const original = tried.find((each) => each.alpha === undefined);
  return {
    ...target,
    reached: { kl, size, ...(accuracy !== undefined && { accuracy }) },
    original: { ...(original?.accuracy !== undefined && { accuracy: original.accuracy }) },
    ...{ evaluations, candidates },
    ...(alpha !== undefined && { alpha }),
    settled,
    tried: tried.flatMap((each) =>
      each.alpha === undefined
        ? []
        : [
            {
              alpha: each.alpha,
              heads: each.circuit.heads.length,
              mlps: each.circuit.mlps.length,
              size: each.size,
              kl: each.kl,
              ...(each.accuracy !== undefined && { accuracy: each.accuracy }),
              holds: each.holds,
            },
          ],
    ),
  };
}

/** What `options.alpha` says of a search that chose its own: where it began, or the least that was tried. */
export function alphaOf({ alpha, leastAlpha }: TargetResult): number {
  return alpha ?? leastAlpha;
}
