/**
 * The evidence that a circuit does its task (Node): random circuits of its size, minimality, the faithfulness of
 * circuits of every size along the search's ranking, and how many different answers it gives. All of it is measured
 * on the patched model, which computes what the standalone model computes.
 */
import { prepareSearch } from "../../discovery/prepare.ts";
import { randomCircuitLike } from "../../discovery/random-circuits.ts";
import type { CircuitFile } from "../../export/circuit-file.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { seedRange, wholeNumbers } from "../../number-range.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { EncodedExample, EncodedTask } from "../../tasks/encode-task.ts";
import { createRandom } from "../../tasks/random.ts";
import { type Circuit, listsOf, wholeCircuit } from "../../transformer/circuit.ts";
import { shapeOf } from "../../transformer/component.ts";
import { searchThreads } from "../choose-threads.ts";
import type { OnEvent } from "../events.ts";
import { threadRange } from "../extract/extract-options.ts";
import { checkCircuitTask, checkOriginal } from "../load-circuit.ts";
import type { Model } from "../load-model.ts";
import { encodePrompts, searchSets } from "../prompts.ts";
import type { Task } from "../read-task.ts";
import { requireNumber } from "../require-option.ts";
import { withEngine } from "../with-engine.ts";
import { type AssessedCircuit, assessCircuit, measuredOf } from "./assess-circuits.ts";
import { circuitIdentity } from "./circuit-identity.ts";
import type {
  CircuitEvidence,
  FaithfulnessCurve,
  MeasuredEvidence,
  Minimality,
  MissingCurve,
  WordingEvidence,
} from "./evidence-result.ts";
import { curveAlong, curveEvaluations, rankingOf } from "./faithfulness-curve.ts";
import { budgetOf, triedComponents, tryEach } from "./minimality.ts";
import { otherWordings } from "./other-wordings.ts";
import { compareWithRandom } from "./random-comparison.ts";

/** The range of each number among the options. */
export const evidenceRanges = {
  random: wholeNumbers(1, 10_000, "100 are usual."),
  seed: seedRange,
  threads: threadRange,
} as const;

/** What evidence is gathered from. */
export interface EvidenceOptions {
  /** The model that the circuit was cut from. */
  readonly original: Model;
  /** The task that it was cut for: the same prompts give the same means. */
  readonly task: Task;
  /**
   * Tasks that ask the same in other words; of indirect objects, sentences that the circuit was not found on are known.
   * @defaultValue [], none
   */
  readonly others?: readonly Task[] | undefined;
  /**
   * How many random circuits are drawn.
   * @defaultValue 100
   */
  readonly random?: number | undefined;
  /**
   * The seed that draws them.
   * @defaultValue 0
   */
  readonly seed?: number | undefined;
  /**
   * How many threads compute.
   * @defaultValue as many as the machine has cores
   */
  readonly threads?: number | undefined;
  /**
   * Aborting it ends the work; the returned promise rejects with the signal's reason. Left out, nothing ends the
   * work early.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event: steps, progress, notes. Left out, events are ignored. */
  readonly onEvent?: OnEvent | undefined;
}

/**
 * Gathers the evidence for a circuit, always under the plain means or zeros of its search: constants that were fitted to
 * the original's answers are no part of a mechanism, and `constants` says where a folder has such. Everything but
 * minimality is measured on test prompts, which neither gave means nor chose the circuit; on validation prompts where
 * the task has no test split.
 * @param directory the circuit's folder.
 * @example
 * ```ts
 * const { random, curve } = await gatherEvidence("ioi-circuit", { original: model, task });
 * console.log(random.kl.beaten, "cpr" in curve ? curve.cpr : curve.missing);
 * ```
 * @throws PithError "circuit" for a folder that does not match its circuit.json; "options" for another model; "task"
 * for another task than the circuit was cut for.
 */
export async function gatherEvidence(directory: string, options: EvidenceOptions): Promise<CircuitEvidence> {
  const { original, task, signal } = options;
  for (const [field, range] of Object.entries(evidenceRanges)) {
    const value = options[field as keyof typeof evidenceRanges];
    if (value !== undefined) requireNumber(field, value, range);
  }
  const folder = await readCircuitFolder(directory);
  checkOriginal(folder, original);
  checkCircuitTask(folder, task);
  const { circuit, tokenizer } = folder;
  const encoded = encodePrompts(task, tokenizer, original.transformer.contextLength, {
    means: circuit.replacement.means,
    bos: circuit.task.bos,
    chat: circuit.task.chat !== undefined,
    seed: circuit.task.seed,
  });
  const runtime = workerRuntime({ threads: options.threads ?? searchThreads(original.transformer) });
  return withEngine(runtime, signal, () => gather({ folder, runtime, encoded, options }));
}

interface Work {
  readonly folder: CircuitFolder;
  readonly runtime: Runtime;
  readonly encoded: EncodedTask;
  readonly options: EvidenceOptions;
}

async function gather(work: Work): Promise<CircuitEvidence> {
  const { folder, encoded, options } = work;
  const { random: count = 100, seed = 0, onEvent } = options;
  const { circuit, directory } = folder;
  if (circuit.headRank !== undefined) onEvent?.({ kind: "note", note: wholeHeads });
  const model = options.original.transformer;
  const { random, tried, ranking } = plan(work);
  const wordings = otherWordings(folder, options.task, options.others ?? []);
  const others = "missing" in wordings ? 0 : 2 * wordings.length;
  const total = 2 + count + 1 + tried.tried.length + (ranking.length > 0 ? curveEvaluations : 0) + others;
  const progress = counter(onEvent, total);

  const split = encoded.test.length > 0 ? "test" : "validation";
  const measured = await onPrompts(work, encoded[split], progress, async (assess) => {
    const own = await assess(circuit.kept);
    const original = await assess(wholeCircuit(shapeOf(model)));
    const drawn: MeasuredEvidence[] = [];
    for (let draw = 0; draw < count; draw++)
      drawn.push(measuredOf(await assess(randomCircuitLike(model, circuit.kept, circuit.onTrial, random))));
    const curve: FaithfulnessCurve | MissingCurve =
      ranking.length > 0
        ? await curveAlong(model, ranking, assess)
        : { missing: isExact(circuit) ? noRanking : onlyBounds };
    return { own: measuredOf(own), original, random: compareWithRandom(own, drawn, seed), curve };
  });
  const minimality: Minimality = await onPrompts(work, encoded.validation, progress, (assess) =>
    tryEach(circuit.kept, shapeOf(model), tried, budgetOf(circuit), assess),
  );
  const inOtherWords = "missing" in wordings ? wordings : await measureWordings(work, wordings, progress);
  const { accuracy, answers } = measured.original;
  return {
    ...{ folder: directory, task: circuit.task.name, split, prompts: encoded[split].length },
    identity: circuitIdentity(circuit),
    ...fittedIn(circuit, split),
    ...{ circuit: measured.own, original: { accuracy, answers } },
    ...{ random: measured.random, minimality, curve: measured.curve, wordings: inOtherWords },
  };
}

/** Says what the folder holds instead of the plain means that evidence is measured under. */
function fittedIn({ constants, metrics }: CircuitFile, split: "test" | "validation") {
  const kl = metrics.kl[split];
  return constants && { constants: { kind: constants.kind, ...(kl !== undefined && { kl }) } };
}

async function measureWordings(
  work: Work,
  wordings: readonly { readonly name: string; readonly examples: readonly EncodedExample[] }[],
  progress: () => void,
): Promise<readonly WordingEvidence[]> {
  const { circuit } = work.folder;
  const whole = wholeCircuit(shapeOf(work.options.original.transformer));
  const found: WordingEvidence[] = [];
  for (const { name, examples } of wordings) {
    found.push(
      await onPrompts(work, examples, progress, async (assess) => {
        const own = measuredOf(await assess(circuit.kept));
        const { accuracy, answers } = await assess(whole);
        const facts = { name, example: examples[0]?.prompt ?? "", prompts: examples.length };
        return { ...facts, ...own, original: { accuracy, answers } };
      }),
    );
  }
  return found;
}

const wholeHeads =
  "The circuit's heads were cut to a lower rank. Its evidence is that of the same components with whole heads.";
const noRanking = "The search left no decision in its trace, so there is no ranking of its components.";
const onlyBounds =
  "The search ended trials early, so its trace has lower bounds for some components and no ranking of them.";

/** Whether the trace says of every component what it cost, and not only how much at least. */
const isExact = ({ search }: CircuitFile): boolean => search.trace.every(({ atLeast }) => atLeast !== true);

/** What is drawn before anything is measured. */
function plan({ folder, options }: Work) {
  const { circuit } = folder;
  const random = createRandom(options.seed ?? 0);
  return {
    random,
    tried: triedComponents(circuit.kept, circuit.onTrial, random),
    ranking: isExact(circuit) ? rankingOf(circuit.search.trace) : [],
  };
}

/** Whether the circuit's search, or the circuit, takes MLPs apart. */
const splitsMlps = ({ onTrial, kept }: CircuitFile): boolean =>
  onTrial.includes("neuron") || listsOf(kept).neurons !== undefined;

/** Counts evaluations. */
function counter(onEvent: OnEvent | undefined, total: number): () => void {
  let done = 0;
  onEvent?.({ kind: "step", step: "measure" });
  return () => onEvent?.({ kind: "progress", step: "measure", done: ++done, total });
}

/** Runs `use` with an evaluator of these prompts, under the replacements that the circuit was cut with. */
async function onPrompts<T>(
  { folder, runtime, encoded, options }: Work,
  examples: readonly EncodedExample[],
  progress: () => void,
  use: (assess: (circuit: Circuit) => Promise<AssessedCircuit>) => Promise<T>,
): Promise<T> {
  const { ablation, valueBias, means, firstPosition } = folder.circuit.replacement;
  const { original, signal } = options;
  const sets = searchSets({ ...encoded, validation: examples });
  const { evaluator } = await prepareSearch(runtime, original.transformer, sets, {
    ...{ ablation, valueBias, means, firstPosition: firstPosition ?? "same", signal },
    neurons: splitsMlps(folder.circuit),
  });
  try {
    return await use(async (circuit) => {
      const found = await assessCircuit(evaluator, original.transformer, examples, circuit, signal);
      progress();
      return found;
    });
  } finally {
    await evaluator.close().catch(() => {});
  }
}
