/**
 * The part of the runtime that holds ONNX Runtime's sessions and the tensors between them, by number. It runs in
 * the thread that computes (a worker thread, or the caller's own); the rest of Pith uses `runtime.ts`. It takes
 * ONNX Runtime as an argument, so that Node's and the browser's builds both work.
 */
import type {
  InferenceSession,
  InferenceSessionFactory,
  Tensor,
  TensorConstructor,
} from "onnxruntime-common";
import type { WeightData } from "../onnx/graph.ts";

export interface OrtApi {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/** A tensor as it is sent between threads. */
export interface HostTensor {
  readonly type: "float32" | "int64";
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

/** Either the values, or the number of a tensor that the engine holds. */
export type Feed = HostTensor | { readonly held: number };

export interface LoadRequest {
  readonly model: Uint8Array<ArrayBuffer>;
  /** The weights, each with the location that the model's external data names. */
  readonly weights: readonly { readonly location: string; readonly data: WeightData }[];
  readonly threads: number;
  /**
   * Whether weights are put into another layout for the matrix product when a session is loaded. This costs
   * memory and time, and pays off from the second run on.
   */
  readonly prepack: boolean;
}

interface HeldTensor {
  readonly held: number;
  readonly shape: readonly number[];
}

/** The outputs of a run, and how long ONNX Runtime took for it. */
interface RunResult {
  readonly outputs: Readonly<Record<string, HeldTensor>>;
  readonly milliseconds: number;
}

export interface Engine {
  load(request: LoadRequest): Promise<number>;
  /** Loads a model from a folder, with its external data beside it. */
  loadFile(path: string, threads: number, prepack?: boolean): Promise<number>;
  /** Runs a session; the engine holds the outputs until they are released. */
  run(session: number, feeds: Readonly<Record<string, Feed>>): Promise<RunResult>;
  /** Stores a tensor in the engine, for inputs that many runs share. */
  hold(tensor: HostTensor): Promise<HeldTensor>;
  read(held: number): Promise<HostTensor>;
  release(held: readonly number[]): Promise<void>;
  unload(session: number): Promise<void>;
}

/** The device that computes: the processor, or a graphics card through WebGPU. */
export type Device = "cpu" | "webgpu";

export function createEngine(ort: OrtApi, device: Device = "cpu"): Engine {
  const sessions = new Map<number, InferenceSession>();
  const tensors = new Map<number, Tensor>();
  let lastNumber = 0;
  let busy: Promise<unknown> = Promise.resolve();

  const keep = (session: InferenceSession): number => {
    sessions.set(++lastNumber, session);
    return lastNumber;
  };

  return {
    async load({ model, weights, threads, prepack }) {
      const session = await ort.InferenceSession.create(model, {
        ...sessionOptions(device, threads),
        externalData: weights.map(({ location, data }) => ({
          path: location,
          data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        })),
        ...(prepack ? {} : unpacked),
      });
      return keep(session);
    },

    async loadFile(path, threads, prepack = true) {
      const options = { ...sessionOptions(device, threads), ...(prepack ? {} : unpacked) };
      return keep(await ort.InferenceSession.create(path, options));
    },

    async run(session, feeds) {
      const inputs: Record<string, Tensor> = {};
      for (const [name, feed] of Object.entries(feeds)) {
        inputs[name] = "held" in feed ? get(tensors, feed.held, "tensor") : toOrt(ort, feed);
      }
      // One run at a time, so that its measured time is its own. More at once would not be faster in one thread.
      const turn = busy.then(async () => {
        const begin = performance.now();
        const outputs = await get(sessions, session, "session").run(inputs);
        return { outputs, milliseconds: performance.now() - begin };
      });
      busy = turn.catch(() => undefined);
      const { outputs, milliseconds } = await turn;
      const held: Record<string, HeldTensor> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        tensors.set(++lastNumber, tensor as Tensor);
        held[name] = { held: lastNumber, shape: tensor.dims };
      }
      return { outputs: held, milliseconds };
    },

    async hold(tensor) {
      tensors.set(++lastNumber, toOrt(ort, tensor));
      return { held: lastNumber, shape: tensor.shape };
    },

    async read(held) {
      return toHost(get(tensors, held, "tensor"));
    },

    async release(held) {
      for (const number of held) {
        tensors.get(number)?.dispose();
        tensors.delete(number);
      }
    },

    async unload(session) {
      const found = sessions.get(session);
      sessions.delete(session);
      await found?.release();
    },
  };
}

/** Weights stay in the layout in which they come. */
const unpacked = { extra: { session: { disable_prepacking: "1", force_spinning_stop: "1" } } };

function get<T>(map: ReadonlyMap<number, T>, number: number, what: string): T {
  const found = map.get(number);
  if (found === undefined) throw new RangeError(`the engine holds no ${what} ${number}`);
  return found;
}

function sessionOptions(device: Device, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Every session keeps the memory of its largest activations for its next run. A new allocation for each run
    // takes longer, and a search runs its sessions often.
    enableCpuMemArena: true,
    // A memory plan is valid for inputs of one shape only, and batches differ in shape.
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session: { force_spinning_stop: "1" } },
  };
}

function toOrt(ort: OrtApi, tensor: HostTensor): Tensor {
  return tensor.data instanceof Float32Array
    ? new ort.Tensor("float32", tensor.data, tensor.shape)
    : new ort.Tensor("int64", tensor.data, tensor.shape);
}

function toHost(tensor: Tensor): HostTensor {
  const { data } = tensor;
  if (!(data instanceof Float32Array || data instanceof BigInt64Array)) {
    throw new TypeError(`a tensor of ${tensor.type} can't be read here`);
  }
  const type = data instanceof Float32Array ? "float32" : "int64";
  return { type, shape: tensor.dims, data: data as HostTensor["data"] };
}
