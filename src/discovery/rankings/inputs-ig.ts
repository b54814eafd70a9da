/** EAP-IG-inputs for nodes: gradients in runs whose embeddings go from the mean's to the prompt's. */
import { cleanName, gateName, gateStage } from "../../lowering/gate-stage.ts";
import type { HostTensor } from "../../runtime/runtime.ts";
import { type GateKind, type GateValues, gateShapeOf, uniformGates } from "../../transformer/gates.ts";
import { countRows, type PositionRows, rowAt } from "../../transformer/position-rows.ts";
import { wholeBlock } from "../forward.ts";
import { type Activations, visitActivations } from "../gates/activations.ts";
import type { GateEngine, PromptBatches } from "../gates/gate-engine.ts";
import { gateFeeds, type PassForm } from "../gates/gate-passes.ts";
import { gateSums } from "../gates/gated-model.ts";
import { allLosses, type Ranking } from "./ranking.ts";

/** Runs between the mean embedding and the prompt's. */
const steps = 5;
/** Numbers of clean activations that are held at once: 256 MiB. */
const mostHeld = 2 ** 26;

export const inputsIg: Ranking = {
  name: "inputs-ig",
  estimates:
    "Node attribution with the gradient averaged over five runs whose embeddings go from the patching prompts' mean to the prompt's own (EAP-IG with inputs): the step (mean − own output) times that gradient.",
  fails:
    "Runs between two inputs are inputs that the model never sees; where it computes something else there, the gradient belongs to that.",
  scores: ["heads", "mlps", "neurons"],
  losses: allLosses,
  async score({ engine, gated, prompts, of, loss, signal, onProgress }) {
    const middle = await meanEmbedding(engine, gated.patching);
    const sums = gateSums(gated.shape, of, (value) => -value / steps);
    const chunks = chunksOf(engine, prompts, of);
    for (const [index, chunk] of chunks.entries()) {
      const taken = await engine.take(chunk);
      const form = await alongClean(engine, taken, of, signal);
      for (let step = 1; step <= steps; step++) {
        onProgress(index * steps + step - 1, chunks.length * steps);
        const embedded = between(taken, middle, step / steps, engine.tools.model.width);
        const pass = { taken: { ...taken, embedded }, form, signal };
        await engine.differentiate(pass, { kind: "loss", loss }, of.map(gateName), sums.visit);
      }
    }
    return sums.divided(prompts.length);
  },
};

/** As many prompts at once as their clean activations allow. */
function chunksOf(
  { prompts, tools }: GateEngine,
  asked: readonly number[],
  of: readonly GateKind[],
): readonly (readonly number[])[] {
  const { heads, neurons } = gateShapeOf(tools.model);
  const { width, blocks } = tools.model;
  const perToken = blocks.reduce((sum, { attention }, layer) => {
    const z = (heads[layer] ?? 0) * (attention?.headWidth ?? 0);
    const widths = { heads: z, mlps: width, neurons: neurons[layer] ?? 0 };
    return sum + of.reduce((own, kind) => own + widths[kind], 0);
  }, 0);
  const longest = Math.max(...asked.map((prompt) => prompts[prompt]?.ids.length ?? 1));
  const size = Math.max(1, Math.floor(mostHeld / (perToken * longest)));
  return Array.from({ length: Math.ceil(asked.length / size) }, (_, at) =>
    asked.slice(at * size, (at + 1) * size),
  );
}

/** Layers whose gates move activations along (clean − mean), whatever the run's own activations are. */
async function alongClean(
  engine: GateEngine,
  taken: PromptBatches,
  kinds: readonly GateKind[],
  signal?: AbortSignal,
): Promise<PassForm> {
  const { runtime, model, means } = engine.tools;
  const clean = new Map<string, Activations["values"]>();
  const key = (kind: GateKind, layer: number, batch: number) => `${kind} ${layer} ${batch}`;
  await visitActivations(runtime, model, taken.batches, kinds, signal, (layer, _, { kind, values }, index) =>
    clean.set(key(kind, layer, index), values),
  );
  const open: GateValues = uniformGates(gateShapeOf(model), 1);
  return {
    name: ["along", ...kinds].join(" "),
    graph: (layer) =>
      gateStage(wholeBlock(model, layer), model.width, { kinds, rows: means.rows.kind, along: true }),
    async feeds(layer, batch) {
      const { members = [], length = 0 } = taken.batches[batch] ?? {};
      const feeds = gateFeeds(means, open, kinds, layer, { prompts: members.length, length });
      for (const kind of kinds) {
        const data = clean.get(key(kind, layer, batch)) ?? new Float32Array();
        const shape = [members.length, length, data.length / (members.length * length)];
        feeds[cleanName(kind)] = { type: "float32", shape, data };
      }
      return feeds;
    },
  };
}

/** The mean of the patching prompts' streams before the first layer, in rows as all means have them. */
async function meanEmbedding(
  { take, tools: { model, means } }: GateEngine,
  patching: number,
): Promise<MeanRows> {
  const { width } = model;
  const { rows } = means;
  const sums = new Float64Array(countRows(rows) * width);
  const counts = new Float64Array(countRows(rows));
  const { batches, embedded } = await take(Array.from({ length: patching }, (_, prompt) => prompt));
  for (const [index, { members, length }] of batches.entries()) {
    const data = embedded[index]?.data ?? new Float32Array();
    for (let token = 0; token < members.length * length; token++) {
      const row = rowAt(rows, token % length);
      counts[row] = (counts[row] ?? 0) + 1;
      for (let at = 0; at < width; at++)
        sums[row * width + at] = (sums[row * width + at] as number) + Number(data[token * width + at]);
    }
  }
  return { rows, values: sums.map((sum, at) => sum / Math.max(1, counts[Math.floor(at / width)] ?? 1)) };
}

interface MeanRows {
  readonly rows: PositionRows;
  readonly values: Float64Array;
}

/** ē + share·(e − ē). */
function between(
  { batches, embedded }: PromptBatches,
  { rows, values }: MeanRows,
  share: number,
  width: number,
): readonly HostTensor[] {
  return embedded.map((tensor, index) => {
    const { length = 1 } = batches[index] ?? {};
    const data = Float32Array.from(tensor.data as Float32Array, (value, at) => {
      const row = rowAt(rows, Math.floor(at / width) % length);
      const mean = values[row * width + (at % width)] ?? 0;
      return mean + share * (value - mean);
    });
    return { ...tensor, type: "float32", data };
  });
}
