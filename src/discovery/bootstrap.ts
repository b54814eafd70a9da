/**
 * The search repeated on resampled prompts (Efron's bootstrap, 1979): each run draws as many patching and
 * validation prompts as there are, with replacement, from each set's own. Differences between the runs' circuits
 * come from the choice of prompts.
 *
 * A prompt that is drawn several times is computed once and counts that many times; prompts that are not drawn,
 * about a third, are not computed. The means of all runs come from one pass over the patching prompts. Runs are
 * independent, so several runtimes may share them.
 */
import { PithError } from "../errors.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Circuit } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import { createEvaluator, type Evaluator } from "./evaluator/evaluator.ts";
import type { PrepareOptions, SearchSets } from "./prepare.ts";
import { manyMeans, type Replacements, zeroAblation } from "./replacements.ts";

/** How many times each prompt of each set was drawn. */
export interface Resample {
  readonly patching: readonly number[];
  readonly validation: readonly number[];
}

export interface BootstrapRun {
  /** The number of the resample, from 0. */
  readonly run: number;
  readonly circuit: Circuit;
  /** KL(original ‖ circuit) in nats, mean over the run's validation prompts. */
  readonly kl: number;
}

export interface BootstrapOptions extends PrepareOptions {
  /** The search that is repeated; the evaluator's prompts have their weights. */
  readonly find: (
    evaluator: Evaluator,
    replacements: Replacements,
  ) => Promise<Pick<BootstrapRun, "circuit" | "kl">>;
  /** Runs of an earlier bootstrap with the same resamples: they are reused. */
  readonly resume?: readonly BootstrapRun[];
  /** Called with every new run; with several runtimes not in order. */
  readonly onRun?: (run: BootstrapRun, done: number, total: number) => Promise<void> | void;
}

/**
 * @param below a seeded source of whole numbers from 0 to before its argument. With the same source, fewer runs
 * are the first of a larger number.
 */
export function drawResamples(
  sets: Pick<SearchSets, "patching" | "validation">,
  runs: number,
  below: (bound: number) => number,
): readonly Resample[] {
  const draw = (size: number): readonly number[] => {
    const counts = Array.from({ length: size }, () => 0);
    for (let drawn = 0; drawn < size; drawn++) {
      const index = below(size);
      counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  };
  // In this order, whatever the ablation is, so that zero and mean ablation get the same validation prompts.
  return Array.from({ length: runs }, () => ({
    patching: draw(sets.patching.length),
    validation: draw(sets.validation.length),
  }));
}

/** The drawn prompts, each once, with the number of times that it was drawn. @internal */
export function drawnSets(
  { patching, validation, scored }: SearchSets,
  resample: Resample,
): SearchSets & { readonly weights: Resample } {
  const inPatching = (_: unknown, index: number) => (resample.patching[index] ?? 0) > 0;
  const inValidation = (_: unknown, index: number) => (resample.validation[index] ?? 0) > 0;
  return {
    patching: patching.filter(inPatching),
    validation: validation.filter(inValidation),
    ...(scored !== undefined && { scored: scored.filter(inValidation) }),
    weights: {
      patching: resample.patching.filter(inPatching),
      validation: resample.validation.filter(inValidation),
    },
  };
}

/**
 * @param runtime makes the pass over the patching prompts; @param lanes make the runs, each one at a time.
 * @returns the runs in the order of their resamples, whatever the number of lanes.
 * @throws PithError "options" if `resume` has a run that is not of these resamples; the signal's reason.
 */
export async function bootstrap(
  runtime: Runtime,
  lanes: readonly Runtime[],
  model: Transformer,
  sets: SearchSets,
  resamples: readonly Resample[],
  options: BootstrapOptions,
): Promise<readonly BootstrapRun[]> {
  const { signal } = options;
  const runs = new Map((options.resume ?? []).map((run) => [checkedRun(run, resamples.length), run]));
  const pending = [...resamples.keys()].filter((run) => !runs.has(run));
  const replacements = await replacementsOfEach(runtime, model, sets, resamples, pending, options);

  let failed = false;
  const work = async (lane: Runtime): Promise<void> => {
    for (let run = pending.shift(); run !== undefined && !failed; run = pending.shift()) {
      signal?.throwIfAborted();
      const resample = resamples[run];
      const replacement = replacements.get(run);
      if (resample === undefined || replacement === undefined) throw new RangeError(`no run ${run}`);
      const { circuit, kl } = await searchDrawn(lane, model, sets, resample, await replacement(), options);
      const result: BootstrapRun = { run, circuit, kl };
      runs.set(run, result);
      await options.onRun?.(result, runs.size, resamples.length);
    }
  };
  await Promise.all(
    lanes.map((lane) =>
      work(lane).catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
  return [...runs.values()].sort((one, other) => one.run - other.run);
}

/** The replacements of each run; each is made when its run begins, from sums that are small. */
async function replacementsOfEach(
  runtime: Runtime,
  model: Transformer,
  { patching }: SearchSets,
  resamples: readonly Resample[],
  pending: readonly number[],
  { ablation, valueBias, means, ...options }: BootstrapOptions,
): Promise<ReadonlyMap<number, () => Promise<Replacements>>> {
  if (ablation === "zero" || pending.length === 0) {
    const replacements = zeroAblation(model, valueBias);
    replacements.catch(() => {});
    return new Map(pending.map((run) => [run, () => replacements]));
  }
  const weightings = pending.map((run) => resamples[run]?.patching);
  const all = await manyMeans(runtime, model, patching, means, weightings, options);
  return new Map(
    pending.map((run, index) => [
      run,
      async () => {
        const make = all[index];
        if (make === undefined) throw new RangeError(`run ${run} has no means`);
        return make();
      },
    ]),
  );
}

async function searchDrawn(
  lane: Runtime,
  model: Transformer,
  sets: SearchSets,
  resample: Resample,
  replacements: Replacements,
  options: BootstrapOptions,
): Promise<Pick<BootstrapRun, "circuit" | "kl">> {
  const { tokensPerBatch, signal } = options;
  const { validation, scored, weights } = drawnSets(sets, resample);
  const evaluator = await createEvaluator(lane, model, validation, replacements, {
    tokensPerBatch,
    signal,
    scored,
  });
  try {
    return await options.find({ ...evaluator, weights: weights.validation }, replacements);
  } finally {
    // If the engine itself has failed, an error on closing it tells nothing new.
    await evaluator.close().catch(() => {});
  }
}

function checkedRun({ run }: BootstrapRun, runs: number): number {
  if (run < runs) return run;
  throw new PithError("options", `run ${run + 1} is not of a bootstrap of ${runs}`, {
    advice: "Resume with as many runs, or start anew.",
  });
}
