/** Builds dist/: the library, the command line, and the worker thread's program, each a file of its own. */
import { defineConfig } from "tsdown";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    worker: "src/runtime/worker.ts",
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
