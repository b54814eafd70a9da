/**
 * Pith's runtime on ONNX Runtime's WebAssembly builds: through WebGPU, which is in a larger build that is
 * fetched only where a graphics card answers, or on the processor. Vite puts both beside the app's scripts;
 * nothing is asked of another host.
 */
import { createEngine, type Engine, type OrtApi } from "../../src/runtime/engine.ts";
import { createRuntime, type Runtime } from "../../src/runtime/runtime.ts";

export type Provider = "webgpu" | "wasm";

/** The files that a model file names, fetched beforehand. */
export interface ModelFiles {
  readonly model: Uint8Array<ArrayBuffer>;
  /** By the location that the model's external data name. */
  readonly weights: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Past four threads, models as small as these gain nothing. */
const mostThreads = 4;

/**
 * @param files what `loadFile` loads, whatever path it is given: a browser has no files.
 */
export async function browserRuntime(provider: Provider, files: ModelFiles): Promise<Runtime> {
  const ort =
    provider === "webgpu" ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  // Threads need shared memory, which a browser gives to isolated pages alone.
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

/** What is asked of WebGPU here; TypeScript's library does not know it yet. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info?: { readonly isFallbackAdapter?: boolean } } | null>;
}

/** Whether a graphics card answers. One that software plays is slower than WebAssembly. */
export async function hasGraphicsCard(): Promise<boolean> {
  const { gpu } = globalThis.navigator as { readonly gpu?: Gpu };
  try {
    const adapter = await gpu?.requestAdapter();
    return adapter != null && adapter.info?.isFallbackAdapter !== true;
  } catch {
    return false;
  }
}
