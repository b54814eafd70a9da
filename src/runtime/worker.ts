/**
 * The program of a worker thread: an engine that answers calls. ONNX Runtime's `run` blocks the thread that calls
 * it. Here it blocks the worker thread, so that progress, Ctrl-C and servers keep working in the main thread.
 */
import { MessageChannel, parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { createEngine, type Engine, type LoadRequest } from "./engine.ts";
import { garbageCollector } from "./garbage-collector.ts";
import type { Call, EngineAnswer, WorkerSettings } from "./messages.ts";

if (parentPort === null) throw new Error("this file is a worker thread's program");
const port = parentPort;
const { device, collects } = workerData as WorkerSettings;
const engine = createEngine(ort, device);
const collect = collects ? garbageCollector() : () => {};

port.on("message", async (message: Call | "close") => {
  // Not process.exit: calls that still run are waited for.
  if (message === "close") return port.close();
  const { id, method, args } = message;
  try {
    const call = engine[method] as (...args: readonly unknown[]) => ReturnType<Engine[keyof Engine]>;
    if (method === "load" || method === "loadFile") collect();
    const result = await call(...args);
    if (method === "load") letGo((args[0] as LoadRequest).weights.map(({ data }) => data.buffer));
    port.postMessage({ id, result } satisfies EngineAnswer);
  } catch (error) {
    port.postMessage({
      id,
      error: error instanceof Error ? error.message : String(error),
    } satisfies EngineAnswer);
  }
});

/**
 * Frees memory at once. ONNX Runtime has copied the weights, but the garbage collector only sees a few small
 * objects, so it would keep a layer's arrays until the next layer's arrive. A port without a listener drops
 * everything that is transferred to it.
 */
function letGo(buffers: readonly ArrayBuffer[]): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(undefined, [...new Set(buffers)]);
  port1.close();
}
