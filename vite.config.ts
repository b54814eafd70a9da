/**
 * Builds the web apps into dist/web: the studio, and the page of a shared circuit, which has the same
 * scripts and the same ONNX Runtime under it; `pith share` takes what that page needs by the manifest. What is
 * built asks for nothing that is not beside it, and holds no inline script or style, so that a strict content
 * security policy can stand over it.
 */
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { licenceList, licences } from "./licences/licences-plugin.ts";
import { schemeColours } from "./src/report/html/page-colours.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Reports have the same colours: they stand once, in a module, and come into the pages' style here. */
const colours: Plugin = {
  name: "page-colours",
  enforce: "pre",
  transform: {
    filter: { id: /\/(style\/app|share\/share)\.css$/ },
    // After the imports, which must come first.
    handler: (code) => `${code}\n${schemeColours}`,
  },
};

export default defineConfig({
  root: at("web/"),
  // A shared site may stand under any path.
  base: "./",
  publicDir: false,
  plugins: [colours, licences],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: at("dist/web/"),
    emptyOutDir: true,
    target: "es2023",
    // Those that know light-dark().
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    manifest: "manifest.json",
    license: { fileName: licenceList },
    rolldownOptions: { input: [at("web/index.html"), at("web/share.html")] },
  },
});
