/** Builds dist/: the library, the command line, and the programs of a worker thread and of a process, each a file. */
import { defineConfig } from "tsdown";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    worker: "src/runtime/worker.ts",
    "load-probe": "src/runtime/load-probe.ts",
  },
  format: "esm",
  platform: "node",
  target: "node20",
  // "type": "module" already says what .js means; the worker is found by this name (src/runtime/node-runtime.ts).
  fixedExtension: false,
  dts: { entry: "src/index.ts" },
  deps: { skipNodeModulesBundle: true },
  sourcemap: true,
  clean: true,
});
