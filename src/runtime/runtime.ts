/**
 * Runs graphs. A `Runtime` loads a graph into a `Session`. The outputs of a session stay with the engine
 * (`DeviceTensor`) until they are read, so that a residual stream goes from session to session without being sent
 * between threads. The runtime also counts what it issued: floating-point operations, runs and weight bytes.
 */
import { PithError } from "../errors.ts";
import { type ExternalLocation, encodeGraph } from "../onnx/encode-graph.ts";
import { countFlops } from "../onnx/flops.ts";
import type { ElementType, Graph, Value } from "../onnx/graph.ts";
import { elementCount } from "../transformer/weight.ts";
import type { Device, Engine, Feed, HostTensor } from "./engine.ts";
import { createWeightMeter, type FileSize, type Room } from "./room.ts";

export type { HostTensor } from "./engine.ts";

/** A tensor that the engine holds. The receiver releases it. */
export interface DeviceTensor {
  readonly held: number;
  readonly shape: readonly number[];
}

/** Time, operations and bytes of one kind of graph. */
export interface GraphCounters {
  runs: number;
  flops: number;
  /** Time inside ONNX Runtime. */
  milliseconds: number;
}

export interface Counters {
  /** Floating-point operations of all matrix products that were run, 2·m·n·k each. */
  flops: number;
  runs: number;
  sessions: number;
  /** Bytes of weights that were sent to the engine. */
  weightBytes: number;
  /** Counters by the graphs' names. */
  readonly graphs: Map<string, GraphCounters>;
}

export interface Session {
  /** The caller releases every tensor that is returned. */
  run(
    feeds: Readonly<Record<string, HostTensor | DeviceTensor>>,
  ): Promise<Readonly<Record<string, DeviceTensor>>>;
  unload(): Promise<void>;
}

/**
 * An engine that computes. Make one with {@link workerRuntime}, pass it to the functions that need one, and close
 * it.
 */
export interface Runtime {
  /** The device that computes. */
  readonly device: Device;
  /** How many threads compute. */
  readonly threads: number;
  /** How much memory the work may take; left out: there is no bound. @internal */
  readonly room?: Room | undefined;
  /** Counts of all work so far. @internal */
  readonly counters: Readonly<Counters>;
  /**
   * Reads the graph's weights and sends them to the engine. `once` is for a session that runs once: its weights
   * are not put into another layout, which saves more time and memory than it costs, and it runs in one thread,
   * because without that layout rounding depends on the number of threads that share a product.
   * @internal
   */
  load(graph: Graph, options?: { readonly once?: boolean }): Promise<Session>;
  /**
   * Whether there is room to load weights of so many bytes before those that are in use are let go. Their size is asked
   * for only where memory is bounded.
   * @internal
   */
  hasRoomAhead(weightBytes: () => number): boolean;
  /**
   * Loads a model file with its external data beside it. Its operations are not counted. `size` counts where
   * memory is bounded: there, weights that do not fit otherwise stay in the layout of the file.
   * @internal
   */
  loadFile(path: string, size?: FileSize): Promise<Session>;
  /** Sends a tensor to the engine once, for inputs that many runs share. @internal */
  upload(tensor: HostTensor): Promise<DeviceTensor>;
  /** Reads a float32 tensor. @internal */
  readFloats(tensor: DeviceTensor): Promise<Float32Array<ArrayBuffer>>;
  /** Reads an int64 tensor. @internal */
  readIntegers(tensor: DeviceTensor): Promise<readonly number[]>;
  /** Releases tensors. @internal */
  release(...tensors: readonly DeviceTensor[]): Promise<void>;
  /** Ends the engine at once, even in the middle of a run. */
  close(): Promise<void>;
}

/** @param engine does the work; @param close ends it. */
export function createRuntime(
  engine: Engine,
  { device, threads, room }: Pick<Runtime, "device" | "threads" | "room">,
  close: () => Promise<void>,
): Runtime {
  const meter = createWeightMeter(room);
  const counters: Counters = { flops: 0, runs: 0, sessions: 0, weightBytes: 0, graphs: new Map() };

  return {
    device,
    threads,
    room,
    counters,

    load: (graph, { once = false } = {}) =>
      meter.session(weightBytesOf(graph), async () => {
        const weights = [];
        const locations = new Map<string, ExternalLocation>();
        for (const [index, { value, weight }] of graph.weights.entries()) {
          const data = await weight.read();
          const location = `weights-${index}`;
          weights.push({ location, data });
          locations.set(value.name, { location, offset: 0, byteLength: data.byteLength });
          counters.weightBytes += data.byteLength;
        }
        const model = encodeGraph(graph, (name) => {
          const location = locations.get(name);
          if (location === undefined) throw new RangeError(`${graph.name}: no weight ${name}`);
          return location;
        });
        counters.sessions++;
        const number = await engine.load({ model, weights, threads: once ? 1 : threads, prepack: !once });
        return session(number, graph.name, (feeds) => countFlops(graph, symbolSizes(graph, feeds)));
      }),

    hasRoomAhead: meter.hasRoomAhead,

    loadFile: (path, size = { plain: 0, packed: 0 }) =>
      meter.file(size, async (packs) => {
        counters.sessions++;
        return session(await engine.loadFile(path, packs ? threads : 1, packs), "file", () => 0);
      }),

    async readFloats(tensor) {
      const { data } = await engine.read(tensor.held);
      if (!(data instanceof Float32Array)) {
        throw new PithError("runtime", "the model gives whole numbers where scores are expected.");
      }
      return data;
    },

    async readIntegers(tensor) {
      const { data } = await engine.read(tensor.held);
      return Array.from<number | bigint, number>(data, Number);
    },

    upload: (tensor) => engine.hold(tensor),
    release: (...tensors) => engine.release(tensors.map((tensor) => tensor.held)),
    close,
  };

  function session(
    number: number,
    name: string,
    flopsOf: (feeds: Readonly<Record<string, Feed & Shaped>>) => number,
  ): Session {
    return {
      async run(feeds) {
        const flops = flopsOf(feeds);
        counters.runs++;
        counters.flops += flops;
        const { outputs, milliseconds } = await engine.run(number, feeds);
        const own = counters.graphs.get(name) ?? { runs: 0, flops: 0, milliseconds: 0 };
        own.runs++;
        own.flops += flops;
        own.milliseconds += milliseconds;
        counters.graphs.set(name, own);
        return outputs;
      },
      unload: () => engine.unload(number),
    };
  }
}

/** The size of a graph's weights, before they are read. */
export function weightBytesOf({ weights }: Graph): number {
  return weights.reduce((sum, { value }) => sum + elementBytes[value.type] * elementCount(sizesOf(value)), 0);
}

const elementBytes = {
  ...{ float32: 4, int64: 8, int32: 4, float16: 2, bool: 1, int8: 1, uint8: 1, int4: 0.5 },
} as const satisfies Readonly<Record<ElementType, number>>;

/** A weight's sizes are known before the graph runs. */
const sizesOf = ({ shape }: Value): readonly number[] =>
  shape.map((size) => (typeof size === "number" ? size : 1));

interface Shaped {
  readonly shape: readonly number[];
}

/** The sizes of the symbols in the inputs' shapes, in this run. */
function symbolSizes(graph: Graph, feeds: Readonly<Record<string, Shaped>>): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const input of graph.inputs) {
    const shape = feeds[input.name]?.shape;
    if (shape === undefined) throw new RangeError(`${graph.name}: input ${input.name} is missing`);
    input.shape.forEach((dimension, index) => {
      const size = shape[index];
      if (typeof dimension === "string" && size !== undefined) sizes[dimension] = size;
    });
  }
  return sizes;
}
