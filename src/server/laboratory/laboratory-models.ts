/**
 * The models of a laboratory: the original, the circuit and the patched model, each loaded when it is first
 * needed.
 */

import { join } from "node:path";
import { openFileSource } from "../../checkpoint/file-source.ts";
import { cutCircuit } from "../../cut/cut-circuit.ts";
import { rankingNamed } from "../../discovery/rankings/index.ts";
import { componentRankings } from "../../discovery/rankings/ranking.ts";
import { meanReplacements, type Replacements, zeroAblation } from "../../discovery/replacements.ts";
import { PithError } from "../../errors.ts";
import { shippedGraph } from "../../export/ask-circuit.ts";
import { shapeOfFile } from "../../export/file-circuit.ts";
import { folderLayout } from "../../export/folder-layout.ts";
import { type CircuitFolder, readCircuitFolder } from "../../export/read-folder.ts";
import { readStandalone } from "../../export/read-standalone.ts";
import { describeGraph, shipModel } from "../../export/ship-model.ts";
import { readJsonObject } from "../../files/read-input.ts";
import { searchThreads } from "../../jobs/choose-threads.ts";
import type { Model } from "../../jobs/load-model.ts";
import { searchSets } from "../../jobs/prompts.ts";
import { rankForReport, type ShownRankings } from "../../jobs/report/report-rankings.ts";
import { scoredAtEnd } from "../../measure/answer-logits.ts";
import { type ShippedGraph, shippedLogits } from "../../measure/shipped-logits.ts";
import { workerRuntime } from "../../runtime/node-runtime.ts";
import type { Runtime, Session } from "../../runtime/runtime.ts";
import { type Circuit, componentsOf } from "../../transformer/circuit.ts";
import { type ComponentKind, componentInWords, modelHas } from "../../transformer/component.ts";
import type { FoldedTransformer, Transformer } from "../../transformer/transformer.ts";
import type { ExamplesResult } from "../api.ts";
import { type RunRecord, resultFolder } from "../runs/run-folder.ts";
import { encodeFor, taskOfSource } from "../tasks.ts";
import { compareExamples } from "./compare-examples.ts";
import { type KnockedModel, loadKnockedModel } from "./knocked-model.ts";
import { once } from "./once.ts";

export interface LaboratoryModels {
  readonly folder: CircuitFolder;
  readonly runtime: Runtime;
  original(): Promise<LoadedGraph>;
  /** The circuit as it was shipped. */
  own(): Promise<LoadedGraph>;
  /** The circuit as it was shipped, or a new one with other components. */
  inside(kept: Circuit | undefined): Promise<FoldedTransformer>;
  knocked(): Promise<KnockedModel>;
  examples(): Promise<ExamplesResult>;
  /** A ranking of the original's heads and MLPs, by its name, beside the search's decisions. */
  ranking(name: string): Promise<ShownRankings>;
  close(): Promise<void>;
}

/**
 * @param record of a finished extraction. @throws PithError "circuit" for a folder that does not match its
 * circuit.json.
 */
export async function openLaboratoryModels(
  record: RunRecord,
  model: Model,
  threads: number | undefined,
): Promise<LaboratoryModels> {
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
  const { request } = record;
  const task = once(() => taskOfSource(request.task, model, request.options));
  const encoded = once(async () => encodeFor(await task(), model, request.options));
  const replacements = once(() =>
    replacementsOf(runtime, model.transformer, folder, async () => searchSets(await encoded()).patching),
  );
  const knocked = once(async () => loadKnockedModel(runtime, model.transformer, await replacements()));
  const examples = once(async () =>
    compareExamples({
      ...{ runtime, model, encoded: await encoded(), circuit: await own() },
      path: join(record.folder, "examples.json"),
    }),
  );
  const rankingsOf = new Map(
    componentRankings.map((name): readonly [string, () => Promise<ShownRankings>] => [
      name,
      once(async () => rankForReport(circuit, model, await task(), [name], { threads })),
    ]),
  );
  return {
    ...{ folder, runtime, original, own, knocked, examples },
    async ranking(name) {
      const make = rankingsOf.get(rankingNamed(name).name);
      if (make === undefined) throw new PithError("options", `${name} scores no heads and MLPs.`);
      return make();
    },
    async inside(kept) {
      if (kept === undefined) return standalone();
      checkKept(folder, kept);
      return cutCircuit(model.transformer, kept, await replacements());
    },
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

export interface LoadedGraph {
  readonly session: Session;
  readonly graph: ShippedGraph;
}

/** [vocabulary]. */
export async function lastLogits(
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

/** The replacements of the search: the same prompts, the same sums. */
async function replacementsOf(
  runtime: Runtime,
  model: Transformer,
  { circuit: { replacement } }: CircuitFolder,
  patching: () => Promise<readonly (readonly number[])[]>,
): Promise<Replacements> {
  if (replacement.ablation === "zero") return zeroAblation(model, replacement.valueBias);
  const { means, firstPosition } = replacement;
  return meanReplacements(runtime, model, await patching(), means, { firstPosition, neurons: true });
}

/** @throws PithError "options" for a component that the model does not have. */
export function checkKept({ circuit: file }: CircuitFolder, circuit: Circuit): void {
  const shape = shapeOfFile(file);
  const missing = componentsOf(circuit).find((component) => !modelHas(shape, component));
  if (missing === undefined) return;
  throw new PithError("options", `the model has no ${componentInWords(missing)}.`, {
    place: { field: keptFields[missing.kind] },
  });
}

/** The field of a request that lists components of each kind. */
const keptFields: Readonly<Record<ComponentKind, string>> = {
  head: "heads",
  mlp: "mlps",
  neuron: "neurons",
};
