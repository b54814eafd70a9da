/**
 * What can be asked of a finished circuit: its original's answer to a prompt, the answer without this or that
 * component, where its heads look, what its parts add. Models are loaded when they are first asked for.
 */

import { join } from "node:path";
import { openFileSource } from "../../checkpoint/file-source.ts";
import { cutCircuit } from "../../cut/cut-circuit.ts";
import { meanReplacements, type Replacements, zeroAblation } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import { promptIds, shippedGraph } from "../../export/ask-circuit.ts";
import { shapeOfFile } from "../../export/file-circuit.ts";
import { folderLayout } from "../../export/folder-layout.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { readStandalone } from "../../export/read-standalone.ts";
import { describeGraph, shipModel } from "../../export/ship-model.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { attentionPatterns } from "../../inspect/attention-patterns.ts";
import { attributeAnswers } from "../../inspect/attribution.ts";
import { searchThreads } from "../../jobs/choose-threads.ts";
import type { Model } from "../../jobs/load-model.ts";
import { searchSets } from "../../jobs/prompts.ts";
import { scoredAtEnd } from "../../measure/answer-logits.ts";
import { logProbabilities, mostLikely } from "../../measure/distribution.ts";
import { engineMilliseconds } from "../../measure/engine-time.ts";
import { type ShippedGraph, shippedLogits } from "../../measure/shipped-logits.ts";
import { partName } from "../../report/html/inside-section.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import { type Circuit, componentsOf, keeps, wholeCircuit } from "../../transformer/circuit.ts";
import { type ComponentKind, componentInWords } from "../../transformer/component.ts";
import type { FoldedTransformer, Transformer } from "../../transformer/transformer.ts";
import type { AttributionResult, ExamplesResult, PatternsResult, ServerPrediction } from "../api.ts";
import { type RunRecord, resultFolder } from "../runs/run-folder.ts";
import { encodeFor, taskOfSource, tokenTexts } from "../tasks.ts";
import { compareExamples } from "./compare-examples.ts";
import { loadKnockedModel } from "./knocked-model.ts";

export interface Laboratory {
  predict(prompt: string): Promise<ServerPrediction>;
  /** The patched model that keeps exactly these. */
  knock(prompt: string, kept: Circuit): Promise<ServerPrediction>;
  /** @param kept left out: the circuit's own components. */
  patterns(prompt: string, kept?: Circuit): Promise<PatternsResult>;
  attribution(prompt: string, question: AttributionQuestion): Promise<AttributionResult>;
  examples(): Promise<ExamplesResult>;
  close(): Promise<void>;
}

interface AttributionQuestion {
  /** One token; left out: what the circuit itself finds likeliest. */
  readonly answer?: string | undefined;
  /** Left out: the circuit's own components. */
  readonly kept?: Circuit | undefined;
}

const shownTokens = 10;

/** @param record of a finished extraction. @throws PithError "circuit" for a folder that is not what it says. */
export async function openLaboratory(
  record: RunRecord,
  model: Model,
  threads: number | undefined,
): Promise<Laboratory> {
  const folder = await readCircuitFolder(resultFolder(record));
  const runtime = workerRuntime({ threads: threads ?? searchThreads(model.transformer) });
  const { circuit } = folder;
  const weights = await openFileSource(folder.weightsPath);

  const original = once(async () => {
    const session = await runtime.load(shipModel(model.transformer, circuit.profile).graph);
    return { session, graph: describeGraph(model.transformer, circuit.profile) };
  });
  const own = once(async () => ({
    session: await runtime.loadFile(folder.modelPath),
    graph: shippedGraph(circuit),
  }));
  const standalone = once(() => readInside(folder, weights));
  const encoded = once(async () => {
    const { request } = record;
    return encodeFor(await taskOfSource(request.task, model, request.options), model, request.options);
  });
  const replacements = once(() =>
    replacementsOf(runtime, model.transformer, folder, async () => searchSets(await encoded()).patching),
  );
  const knocked = once(async () => loadKnockedModel(runtime, model.transformer, await replacements()));
  /** The circuit as it was shipped, or cut anew with other components. */
  const inside = async (kept: Circuit | undefined): Promise<FoldedTransformer> => {
    if (kept === undefined) return standalone();
    checkKept(folder, kept);
    return cutCircuit(model.transformer, kept, await replacements());
  };
  const examples = once(async () =>
    compareExamples({
      ...{ runtime, model, encoded: await encoded(), circuit: await own() },
      path: join(record.folder, "examples.json"),
    }),
  );
  const inTurn = createTurns();

  type Logits = (ids: readonly number[]) => Promise<Float32Array>;
  /** Timed is what ONNX Runtime takes for this prompt alone. @param ready loads what is needed, and has run once. */
  const answer = (prompt: string, ready: (ids: readonly number[]) => Promise<Logits>) =>
    inTurn(async (): Promise<ServerPrediction> => {
      const ids = promptIds(folder, prompt);
      const logitsOf = await ready(ids);
      const before = engineMilliseconds(runtime);
      const logits = await logitsOf(ids);
      const milliseconds = engineMilliseconds(runtime) - before;
      return { tokens: tokenTexts(model, ids), ids, top: topTokens(logits, model), milliseconds };
    });
  const warm = new Set<object>();
  /** A first run lays things out. */
  const warmed = async (owner: object, logitsOf: Logits, ids: readonly number[]): Promise<Logits> => {
    if (!warm.has(owner)) await logitsOf(ids);
    warm.add(owner);
    return logitsOf;
  };

  return {
    predict: (prompt) =>
      answer(prompt, async (ids) => {
        const whole = await original();
        return warmed(whole, (each) => lastLogits(runtime, whole, each), ids);
      }),
    knock(prompt, kept) {
      checkKept(folder, kept);
      return answer(prompt, async (ids) => {
        const patched = await knocked();
        return warmed(patched, (each) => patched.logits(each, kept), ids);
      });
    },
    patterns: (prompt, kept) =>
      inTurn(async () => {
        const ids = promptIds(folder, prompt);
        const [heads = []] = await attentionPatterns(runtime, await inside(kept), [ids]);
        return {
          tokens: tokenTexts(model, ids),
          heads: heads.map(({ layer, head, weights: values }) => ({
            ...{ layer, head },
            pattern: ids.map((_, query) => [
              ...values.subarray(query * ids.length, (query + 1) * ids.length),
            ]),
          })),
        };
      }),
    attribution: (prompt, { answer: text, kept }) =>
      inTurn(async () => {
        const ids = promptIds(folder, prompt);
        const token =
          text === undefined
            ? mostLikely(await lastLogits(runtime, await own(), ids))
            : oneToken(model, text);
        const { parts, totals } = await attributeAnswers(runtime, await inside(kept), [
          { ids, answers: [token] },
        ]);
        return {
          answer: model.tokenizer.tokenText(token),
          parts: parts.map(({ part, centred }) => ({ name: partName(part), value: centred.mean })),
          total: totals[0] ?? Number.NaN,
        };
      }),
    examples: () => inTurn(examples),
    async close() {
      await runtime.close();
      await weights.close();
    },
  };
}

async function readInside(
  { directory, circuit }: CircuitFolder,
  weights: Parameters<typeof readStandalone>[0],
): Promise<FoldedTransformer> {
  const path = join(directory, folderLayout.config);
  const config = await readJsonObject(path, { code: "circuit" });
  return readStandalone(weights, config, circuit);
}

interface LoadedGraph {
  readonly session: Session;
  readonly graph: ShippedGraph;
}

/** [vocabulary]. */
async function lastLogits(
  runtime: Runtime,
  { session, graph }: LoadedGraph,
  ids: readonly number[],
): Promise<Float32Array> {
  let found = new Float32Array();
  await shippedLogits(runtime, session, graph, [scoredAtEnd(ids)], (_, logits) => {
    found = logits.slice();
  });
  return found;
}

/** As the search had them: the same prompts, the same sums. */
async function replacementsOf(
  runtime: Runtime,
  model: Transformer,
  { circuit: { replacement } }: CircuitFolder,
  patching: () => Promise<readonly (readonly number[])[]>,
): Promise<Replacements> {
  if (replacement.ablation === "zero") return zeroAblation(model, replacement.valueBias);
  return meanReplacements(runtime, model, await patching(), replacement.means);
}

function topTokens(logits: Float32Array, { tokenizer }: Model): ServerPrediction["top"] {
  const logged = logProbabilities(logits);
  return Array.from(logits.keys())
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0))
    .slice(0, shownTokens)
    .map((id) => ({
      id,
      text: tokenizer.tokenText(id),
      probability: Math.exp(logged[id] ?? Number.NaN),
      logit: logits[id] ?? Number.NaN,
    }));
}

function checkKept({ circuit: file }: CircuitFolder, circuit: Circuit): void {
  const whole = wholeCircuit(shapeOfFile(file));
  const missing = componentsOf(circuit).find((component) => !keeps(whole, component));
  if (missing === undefined) return;
  throw new PithError("options", `the model has no ${componentInWords(missing)}.`, {
    place: { field: keptFields[missing.kind] },
  });
}

/** Where a request lists components of each kind. */
const keptFields: Readonly<Record<ComponentKind, string>> = { head: "heads", mlp: "mlps" };

function oneToken({ tokenizer }: Model, text: string): number {
  const ids = tokenizer.encode(text);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return only;
  const shown = ids.map((id) => tokenizer.tokenText(id)).join("|");
  throw new PithError("options", `is ${ids.length} tokens, ${shown}; it must be one.`, {
    place: { field: "answer" },
    advice: "Words inside a text carry the space before them.",
  });
}

/** Remembers what it was given; what failed is tried anew. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    const making = made ?? make();
    if (made === undefined) {
      made = making;
      making.catch(() => {
        made = undefined;
      });
    }
    return making;
  };
}

/** One after another: times of two at once would be each other's. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
