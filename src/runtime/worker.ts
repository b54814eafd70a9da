/**
 * A worker thread's whole program: an engine that answers calls. ONNX Runtime's `run` blocks the thread that
 * calls it; here it blocks this one, and progress, Ctrl-C and servers stay alive on the other.
 */
import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { createEngine, type Device, type Engine } from "./engine.ts";
import type { Call, EngineAnswer } from "./messages.ts";

if (parentPort === null) throw new Error("this file is a worker thread's program");
const port = parentPort;
const engine = createEngine(ort, workerData as Device);

port.on("message", async (message: Call | "close") => {
  // Not process.exit: calls that are under way are waited for.
  if (message === "close") return port.close();
  const { id, method, args } = message;
  try {
    const call = engine[method] as (...args: readonly unknown[]) => ReturnType<Engine[keyof Engine]>;
    port.postMessage({ id, result: await call(...args) } satisfies EngineAnswer);
  } catch (error) {
    port.postMessage({
      id,
      error: error instanceof Error ? error.message : String(error),
    } satisfies EngineAnswer);
  }
});
