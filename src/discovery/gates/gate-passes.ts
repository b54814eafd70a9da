/**
 * Passes over a model whose heads, MLPs and neurons have gates: forward with the residual stream kept before every
 * layer, and back, a layer at a time, by graphs that compute their layer's activations again from that stream. So
 * memory holds the streams and one layer's activations, and each layer's gradient is the next one's upstream vector.
 */
import { afterName, gateName, gateStage, meanName } from "../../lowering/gate-stage.ts";
import { gradientGraph, gradientName } from "../../onnx/gradient.ts";
import type { Graph } from "../../onnx/graph.ts";
import { heldValues } from "../../onnx/graph-builder.ts";
import type { DeviceTensor, HostTensor, Runtime, Session } from "../../runtime/runtime.ts";
import { type GateKind, type GateValues, gateKinds, gatesOfLayer } from "../../transformer/gates.ts";
import type { PositionRows } from "../../transformer/position-rows.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { Batch } from "../batch.ts";
import { type Constant, constantTensor } from "../constant.ts";
import { layerFeeds, wholeBlock } from "../forward.ts";
import type { SessionShelf } from "./session-shelf.ts";

/** What stands at gates of 0: the z of all heads of a layer, its MLP's write, or the h of all its neurons. */
export interface GateMeans {
  readonly rows: PositionRows;
  of(kind: GateKind, layer: number): Constant;
}

export interface PassTools {
  readonly runtime: Runtime;
  readonly model: Transformer;
  readonly means: GateMeans;
  readonly shelf: SessionShelf;
  /** The sets of gates that graphs of this model have had: a graph with more gates than needed serves as well. */
  readonly kindSets: GateKind[][];
}

type PlaceFeeds = ReturnType<typeof layerFeeds>;

/** A pass's graph of a layer, and what it is fed beside the stream and the places. */
export interface PassForm {
  /** Distinguishes the form's graphs from those of others. */
  readonly name: string;
  /** How many graphs the stream goes through; left out: one for each layer of the model. */
  readonly graphs?: number;
  /** The inputs of `placeFeeds`; left out: those of the whole layer. */
  readonly places?: (length: number) => PlaceFeeds;
  graph(layer: number): Graph;
  feeds(layer: number, batch: number): Promise<Readonly<Record<string, HostTensor | DeviceTensor>>>;
}

/** The gates of a pass over some batches. Kinds whose gates are all 1 and are not asked for may be left out. */
export function gatesForm(
  { model, means, kindSets }: PassTools,
  gates: GateValues,
  batches: readonly Batch[],
  of: readonly GateKind[] = [],
  constants?: StreamConstants,
): PassForm {
  const needed = gateKinds.filter((kind) => of.includes(kind) || isClosed(gates, kind));
  const kinds = servingKinds(kindSets, needed);
  const rows = means.rows.kind;
  const { width } = model;
  const added = constants && (constants.heads.some(({ length }) => length > width) ? "each" : "one");
  return {
    name: ["gates", ...kinds, added ?? ""].join(" "),
    graph: (layer) => gateStage(wholeBlock(model, layer), width, { kinds, rows, constants: added }),
    async feeds(layer, batch) {
      const { members = [], length = 0 } = batches[batch] ?? {};
      return {
        ...gateFeeds(means, gates, kinds, layer, { prompts: members.length, length }),
        ...(constants && constantFeeds(constants, layer, width)),
      };
    },
  };
}

/** Vectors that are added to the residual stream: for each layer [d], or [positions × d]. */
export interface StreamConstants {
  /** After the layer's heads, behind a norm that follows them. */
  readonly heads: readonly Float64Array[];
  /** After the layer's MLP. */
  readonly mlps: readonly Float64Array[];
}

function constantFeeds(constants: StreamConstants, layer: number, width: number): Record<string, HostTensor> {
  const feed = (values: Float64Array | undefined): HostTensor => {
    const data = Float32Array.from(values ?? []);
    return { type: "float32", shape: [data.length / width, width], data };
  };
  return {
    [afterName("heads")]: feed(constants.heads[layer]),
    [afterName("mlps")]: feed(constants.mlps[layer]),
  };
}

/** The smallest known set of gates that has all of these; if there is none, these, which are then known. */
function servingKinds(kindSets: GateKind[][], needed: GateKind[]): readonly GateKind[] {
  const serving = kindSets
    .filter((kinds) => needed.every((kind) => kinds.includes(kind)))
    .sort((one, other) => one.length - other.length)[0];
  if (serving === undefined) kindSets.push(needed);
  return serving ?? needed;
}

/** Whether some gate of a kind is not 1. */
function isClosed(gates: GateValues, kind: GateKind): boolean {
  return gates.heads.some((_, layer) => gatesOfLayer(gates, kind, layer).some((gate) => gate !== 1));
}

/** The gates of a layer, the same for all prompts, and the means. */
export function gateFeeds(
  means: GateMeans,
  gates: GateValues,
  kinds: readonly GateKind[],
  layer: number,
  { prompts, length }: { readonly prompts: number; readonly length: number },
): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {};
  for (const kind of kinds) {
    const own = gatesOfLayer(gates, kind, layer);
    const data = new Float32Array(prompts * own.length);
    for (let prompt = 0; prompt < prompts; prompt++) data.set(own, prompt * own.length);
    const shape = kind === "heads" ? [prompts, 1, own.length, 1] : [prompts, 1, own.length];
    feeds[gateName(kind)] = { type: "float32", shape, data };
    feeds[meanName(kind)] = constantTensor(means.of(kind, layer), "all", length);
  }
  return feeds;
}

/**
 * @param embedded the residual stream before the first layer, one for each batch.
 * @returns the stream before each layer and after the last, [layers + 1][batches], which the caller releases; with
 * `last` only the last of them.
 */
export async function passForward(
  { runtime, model, shelf }: PassTools,
  form: PassForm,
  batches: readonly Batch[],
  embedded: readonly HostTensor[],
  streams: "all" | "last",
  signal?: AbortSignal,
): Promise<readonly (readonly DeviceTensor[])[]> {
  const kept: (readonly DeviceTensor[])[] = [
    await Promise.all(embedded.map((tensor) => runtime.upload(tensor))),
  ];
  try {
    for (let layer = 0; layer < (form.graphs ?? model.blocks.length); layer++) {
      const places = placesOf(form, model, layer);
      const below = kept.at(-1) ?? [];
      const next = await shelf.use(
        `${form.name} ${layer}`,
        () => form.graph(layer),
        (session) =>
          overBatches(batches, signal, async (batch, index) => {
            const feeds = { ...places(batch.length), ...(await form.feeds(layer, index)) };
            const { y } = await session.run({ x: at(below, index), ...feeds });
            return found(y);
          }),
      );
      kept.push(next);
      if (streams === "last") await runtime.release(...(kept.shift() ?? []));
    }
    return kept;
  } catch (error) {
    await runtime.release(...kept.flat());
    throw error;
  }
}

/** Gets the gradient of one layer's input, one batch at a time. @param values of each prompt, one after another. */
export type VisitGradient = (name: string, layer: number, batch: Batch, values: Float32Array) => void;

/**
 * From the gradient with respect to the last stream back to the first.
 * @param streams as `passForward` gives them; they are not released. @param upstream one for each batch, after the
 * last layer; released here. @param wrt names of the layers' inputs.
 */
export async function passBack(
  { runtime, model, shelf }: PassTools,
  form: PassForm,
  batches: readonly Batch[],
  streams: readonly (readonly DeviceTensor[])[],
  upstream: readonly DeviceTensor[],
  wrt: readonly string[],
  visit: VisitGradient,
  signal?: AbortSignal,
): Promise<void> {
  let above = upstream;
  for (let layer = (form.graphs ?? model.blocks.length) - 1; layer >= 0; layer--) {
    const places = placesOf(form, model, layer);
    // Nothing below the first layer asks for its gradient.
    const all = layer === 0 ? wrt : ["x", ...wrt];
    const graph = () => {
      const stage = form.graph(layer);
      return gradientGraph(stage, {
        of: "y",
        wrt: all,
        name: "gradient of a layer",
        held: heldValues(stage),
      });
    };
    const run = async (session: Session, batch: Batch, index: number): Promise<DeviceTensor | undefined> => {
      const feeds = { ...places(batch.length), ...(await form.feeds(layer, index)) };
      const x = at(streams[layer] ?? [], index);
      const outputs = await session.run({ x, ...feeds, [gradientName("y")]: at(above, index) });
      for (const name of wrt)
        visit(name, layer, batch, await runtime.readFloats(found(outputs[gradientName(name)])));
      const { [gradientName("x")]: ofStream, ...rest } = outputs;
      await runtime.release(at(above, index), ...Object.values(rest));
      return ofStream;
    };
    const key = `${form.name} back ${layer} ${all.join(" ")}`;
    const next = await shelf.use(key, graph, (session) =>
      overBatches(batches, signal, (batch, index) => run(session, batch, index)),
    );
    above = next.filter((tensor) => tensor !== undefined);
  }
}

function placesOf(form: PassForm, model: Transformer, layer: number): (length: number) => PlaceFeeds {
  const { places } = form;
  return places ?? ((length) => layerFeeds(wholeBlock(model, layer), length));
}

async function overBatches<T>(
  batches: readonly Batch[],
  signal: AbortSignal | undefined,
  run: (batch: Batch, index: number) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const [index, batch] of batches.entries()) {
    signal?.throwIfAborted();
    results.push(await run(batch, index));
  }
  return results;
}

function at<T>(list: readonly T[], index: number): T {
  return found(list[index]);
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("a pass lacks a tensor");
  return value;
}
