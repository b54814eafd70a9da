/**
 * Pith's runtime on ONNX Runtime's WebAssembly builds: on the processor, or through WebGPU, which is in a larger
 * build that is only loaded if there is a graphics card. Vite puts both beside the app's scripts; nothing is
 * loaded from another host.
 */
import { createEngine, type Engine, type OrtApi } from "../../src/runtime/engine.ts";
import { createRuntime, type Runtime } from "../../src/runtime/runtime.ts";

export type Provider = "webgpu" | "wasm";

/** The files that a model file refers to, loaded in advance. */
export interface ModelFiles {
  readonly model: Uint8Array<ArrayBuffer>;
  /** By the location that the model's external data name. */
  readonly weights: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Models as small as these are not faster with more threads. */
const mostThreads = 4;

/** @param files the files that `loadFile` uses, whatever its path is: a browser has no file system. */
export async function browserRuntime(provider: Provider, files: ModelFiles): Promise<Runtime> {
  const ort =
    provider === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  // Threads need shared memory, which a browser gives only to isolated pages.
  const threads = globalThis.crossOriginIsolated
    ? Math.max(1, Math.min(mostThreads, globalThis.navigator.hardwareConcurrency))
    : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const device = provider === "webgpu" ? "webgpu" : "cpu";
  const engine = createEngine(ort satisfies OrtApi, device);
  const loaded: number[] = [];
  const loading: Engine = {
    ...engine,
    async loadFile(_, sessionThreads) {
      const weights = [...files.weights].map(([location, data]) => ({ location, data }));
      const number = await engine.load({
        model: files.model,
        weights,
        threads: sessionThreads,
        prepack: true,
      });
      loaded.push(number);
      return number;
    },
  };
  return createRuntime(loading, { device, threads }, async () => {
    await Promise.all(loaded.splice(0).map((number) => engine.unload(number)));
  });
}

/** The part of WebGPU that is used here; TypeScript's library does not define it yet. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info?: { readonly isFallbackAdapter?: boolean } } | null>;
}

/** Whether there is a graphics card. An emulated one does not count, because it is slower than WebAssembly. */
export async function hasGraphicsCard(): Promise<boolean> {
  const { gpu } = globalThis.navigator as { readonly gpu?: Gpu };
  try {
    const adapter = await gpu?.requestAdapter();
    return adapter != null && adapter.info?.isFallbackAdapter !== true;
  } catch {
    return false;
  }
}
