/** Runtimes for Node: the engine runs in a worker thread (the usual case), or in the calling thread. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { PithError } from "../errors.ts";
import { createEngine, type Device, type Engine, type LoadRequest } from "./engine.ts";
import { garbageCollector } from "./garbage-collector.ts";
import type { Call, EngineAnswer, WorkerSettings } from "./messages.ts";
import type { Room } from "./room.ts";
import { createRuntime, type Runtime } from "./runtime.ts";

/** The device and the number of threads. */
export interface RuntimeOptions {
  /**
   * How many threads compute.
   * @defaultValue the number of cores; for a small circuit, one
   */
  readonly threads?: number | undefined;
  /**
   * The device that computes: the processor, or a graphics card through WebGPU.
   * @defaultValue "cpu"
   */
  readonly device?: Device | undefined;
  /** How much memory the work may take; left out: there is no bound. @internal */
  readonly room?: Room | undefined;
}

/** An engine in the calling thread: it blocks while it computes. For tests and short scripts. @internal */
export function inlineRuntime({
  threads = availableParallelism(),
  device = "cpu",
  room,
}: RuntimeOptions = {}): Runtime {
  declineTelemetry();
  return createRuntime(createEngine(ort, device), { device, threads, room }, async () => {});
}

/** Starts an engine in a worker thread. `close` ends the thread, in the middle of a run if need be. */
export function workerRuntime({
  threads = availableParallelism(),
  device = "cpu",
  room,
}: RuntimeOptions = {}): Runtime {
  declineTelemetry();
  const worker = new Worker(workerProgram(), {
    workerData: { device, collects: room !== undefined } satisfies WorkerSettings,
  });
  const collect = room === undefined ? () => {} : garbageCollector();
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  let ended: Error | undefined;

  const fail = (error: Error) => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (answer: EngineAnswer) => {
    const entry = waiting.get(answer.id);
    waiting.delete(answer.id);
    // A program that waits for no other result may end, although the worker still listens.
    if (waiting.size === 0 && ended === undefined) worker.unref();
    if ("error" in answer) entry?.reject(engineError(answer.error));
    else entry?.resolve(answer.result);
  });
  worker.on("error", (cause) =>
    fail(new PithError("runtime", `the compute thread failed: ${String(cause)}`)),
  );
  const exited = new Promise<void>((resolve) => {
    worker.on("exit", () => {
      fail(new PithError("runtime", "the compute thread has ended"));
      resolve();
    });
  });
  worker.unref();

  const call = <T>(method: Call["method"], args: readonly unknown[], transfer: ArrayBuffer[] = []) =>
    new Promise<T>((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const id = ++lastId;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, method, args } satisfies Call, transfer);
    });

  const engine: Engine = {
    load: (request: LoadRequest) => {
      collect();
      return call("load", [request], [...new Set(request.weights.map(({ data }) => data.buffer))]);
    },
    loadFile: (path, sessionThreads, prepack) => {
      collect();
      return call("loadFile", [path, sessionThreads, prepack]);
    },
    run: (session, feeds) => call("run", [session, feeds]),
    hold: (tensor) => call("hold", [tensor]),
    read: (held) => call("read", [held]),
    release: (held) => call("release", [held]),
    unload: (session) => call("unload", [session]),
  };
  return createRuntime(engine, { device, threads, room }, async () => {
    fail(new PithError("runtime", "the engine was closed"));
    // The worker is asked to end, not terminated: if it is stopped in the middle of a run, ONNX Runtime's binding
    // throws where nothing can catch it, and the whole process aborts. So this waits for the current run, and for
    // none after it.
    worker.ref();
    worker.postMessage("close");
    await exited;
  });
}

function engineError(message: string): PithError {
  if (!message.includes("Failed to get a WebGPU adapter")) {
    return new PithError("runtime", `ONNX Runtime: ${message}`);
  }
  return new PithError("runtime", "no graphics card answers through WebGPU.", {
    advice:
      "WebGPU needs a Vulkan driver (libvulkan.so.1 and the card's own); leave --device webgpu out to use the processor.",
  });
}

/**
 * ONNX Runtime 1.30's packages send telemetry to Microsoft and leave a device id in ~/.cache/Microsoft, unless
 * this variable is set before the process's first session (microsoft/onnxruntime#27379). A value that the user
 * has set is kept.
 */
function declineTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}

/** Built code has the worker beside it; code that runs from source (tests, benches) uses the built worker. */
function workerProgram(): URL {
  const here = import.meta.url;
  return here.endsWith(".ts") ? new URL("../../dist/worker.js", here) : new URL("./worker.js", here);
}
