/**
 * The measurements of a sweep's circuits: accuracy and KL against the original on validation and test prompts,
 * and size. A circuit runs as the standalone model that would be shipped, whole and in memory: it computes the
 * same as the patched model, at the cost of the kept components only. The original runs once for all circuits of
 * a unit.
 */

import { cutCircuit } from "../cut/cut-circuit.ts";
import type { Replacements } from "../discovery/replacements.ts";
import { PithError } from "../errors.ts";
import { decoderProfile, type Profile } from "../export/config-json.ts";
import { describeGraph, shipModel } from "../export/ship-model.ts";
import { answerLogits, type ScoredPrompt } from "../measure/answer-logits.ts";
import { evaluateSplit, type GiveLogits, type SplitEvaluation } from "../measure/compare.ts";
import { countParameters } from "../measure/parameters.ts";
import { sessionInUse } from "../measure/session-in-use.ts";
import { shippedLogits } from "../measure/shipped-logits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { EncodedTask } from "../tasks/encode-task.ts";
import type { Circuit } from "../transformer/circuit.ts";
import type { Transformer } from "../transformer/transformer.ts";
import type { SweepRow } from "./sweep-row.ts";

/** The measured fields of a row. */
export type CircuitMeasures = Pick<SweepRow, "accuracy" | "kl" | "yearMass" | "parameters">;

export interface MeasureContext {
  readonly runtime: Runtime;
  /** The original. */
  readonly model: Transformer;
  readonly encoded: EncodedTask;
  readonly replacements: Replacements;
  readonly means: "aligned" | "pooled";
  /** The tokens of "00" … "99" where the test prompts ask for a later year. */
  readonly years?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The standalone model and the search compute in float32 with different graphs; usually they agree a hundred
 * times better than this.
 */
const TOLERANCE = 1e-3;

/**
 * @returns measures one circuit after another.
 * The returned function takes the circuit and the KL that the search found for it on the validation prompts,
 * and throws PithError "verification" when the standalone model's differs by more than 1e-3.
 */
export function measureCircuits({
  runtime,
  model,
  encoded,
  replacements,
  means,
  years,
  signal,
}: MeasureContext): (circuit: Circuit, searched: number) => Promise<CircuitMeasures> {
  const profile: Profile =
    means === "aligned"
      ? { kind: "aligned", length: encoded.validation[0]?.forced.length ?? 0 }
      : decoderProfile(model, "uniform");
  const { room } = runtime;
  const most = room === undefined ? MOST_REMEMBERED : room.logitRows * model.vocabularySize;
  const original = remembered(model.vocabularySize, Math.min(most, MOST_REMEMBERED), (prompts, visit) =>
    answerLogits(runtime, model, prompts, visit, { signal }),
  );
  const originalParameters = countParameters(model);

  return async (circuit, searched) => {
    const standalone = await cutCircuit(model, circuit, replacements);
    const { graph, shipped } = shipModel(standalone, profile);
    const loaded = await sessionInUse(runtime, () => runtime.load(graph));
    const described = describeGraph(standalone, profile);
    const own: GiveLogits = (prompts, visit) =>
      loaded.use((session) => shippedLogits(runtime, session, described, prompts, visit, signal));
    try {
      const on = async (split: "validation" | "test") => {
        const result = await evaluateSplit(encoded[split], own, original, {
          years: split === "test" ? years : undefined,
          rowsAtOnce: room?.logitRows,
        });
        return {
          accuracy: { original: result.originalAccuracy ?? Number.NaN, circuit: result.accuracy },
          kl: result.kl ?? Number.NaN,
          ...(result.yearMass !== undefined && { yearMass: result.yearMass }),
          ...(result.originalYearMass !== undefined && { originalYearMass: result.originalYearMass }),
        };
      };
      const validation = await on("validation");
      checkAgreement(validation.kl, searched);
      const test = encoded.test.length === 0 ? undefined : await on("test");
      return {
        accuracy: { validation: validation.accuracy, ...(test && { test: test.accuracy }) },
        kl: { validation: validation.kl, ...(test && { test: test.kl }) },
        ...yearMassOf(test),
        parameters: { original: originalParameters, circuit: countParameters(shipped) },
      };
    } finally {
      await loaded.end();
    }
  };
}

function yearMassOf(
  test: Pick<SplitEvaluation, "yearMass" | "originalYearMass"> | undefined,
): Pick<CircuitMeasures, "yearMass"> {
  const { yearMass: circuit, originalYearMass: original } = test ?? {};
  return circuit === undefined || original === undefined ? {} : { yearMass: { original, circuit } };
}

function checkAgreement(standalone: number, searched: number): void {
  // NaN must not pass for agreement.
  if (Math.abs(standalone - searched) <= TOLERANCE) return;
  throw new PithError(
    "verification",
    `a circuit's KL is ${standalone} as a standalone model, but ${searched} in the search; they may differ by ${TOLERANCE}.`,
    { advice: "Please report this: it is a fault of Pith or of the compute engine, not of your input." },
  );
}

/** Numbers of logits that are held; of larger sets the original runs again for each circuit. */
const MOST_REMEMBERED = 2 ** 26;

/** Gives the same logits for the same prompts without computing them again. */
function remembered(vocabulary: number, most: number, give: GiveLogits): GiveLogits {
  const known = new Map<ScoredPrompt, Float32Array>();
  let room = most;
  return async (prompts, visit) => {
    const missing = [...prompts.keys()].filter((index) => {
      const prompt = prompts[index];
      const logits = prompt && known.get(prompt);
      if (logits !== undefined) visit(index, logits);
      return logits === undefined;
    });
    const asked = missing.flatMap((index) => prompts[index] ?? []);
    if (asked.length === 0) return;
    await give(asked, (at, logits) => {
      const [index, prompt] = [missing[at], asked[at]];
      if (index === undefined || prompt === undefined) throw new RangeError("logits that nobody asked for");
      visit(index, logits);
      const size = prompt.scored * vocabulary;
      if (size > room) return;
      room -= size;
      known.set(prompt, logits.slice());
    });
  };
}
