/**
 * Which folder of src/ may import from which: down only, no cycles, and nothing of Node outside the files that
 * are named as a Node half. In web/, bench/ and examples/: no cycles, and nothing that is not there. Part of
 * `npm run lint`.
 */

/** What all folders may import from. Random numbers of searches are those of tasks. */
const bottom = "^src/((errors|printable|byte-size|join-floats|number-range|number-schema|tasks/random)\\.ts$|files/)";

/** Each folder, lowest first, with the folders that it may import from beside itself and the bottom. */
const layers = {
  transformer: [],
  onnx: ["transformer"],
  runtime: ["transformer", "onnx"],
  checkpoint: ["transformer"],
  tokenizer: [],
  tasks: ["tokenizer"],
  architectures: ["transformer", "checkpoint"],
  lowering: ["transformer", "onnx"],
  discovery: ["transformer", "onnx", "runtime", "lowering"],
  cut: ["transformer", "onnx", "runtime", "lowering", "discovery"],
  measure: ["transformer", "onnx", "runtime", "tasks", "lowering", "discovery"],
  inspect: ["transformer", "onnx", "runtime", "lowering", "discovery"],
  known: ["transformer"],
  export: [
    ...["transformer", "onnx", "runtime", "checkpoint", "tokenizer", "lowering", "cut", "discovery"],
    ...["measure"],
  ],
  jobs: [
    ...["transformer", "onnx", "runtime", "checkpoint", "tokenizer", "tasks", "architectures"],
    ...["cut", "lowering", "discovery", "measure", "inspect", "known", "export"],
  ],
  experiments: [
    ...["transformer", "runtime", "checkpoint", "tokenizer", "tasks", "cut", "discovery"],
    ...["measure", "known", "export", "jobs"],
  ],
  report: [
    ...["transformer", "discovery", "measure", "inspect", "known", "export", "jobs", "experiments", "tasks"],
  ],
  // The studio's server; its pages are in web/ at the root.
  server: [
    ...["discovery", "runtime", "tokenizer", "transformer", "tasks", "checkpoint", "cut", "lowering"],
    ...["measure", "inspect", "known", "export", "jobs", "experiments", "report"],
  ],
  cli: [
    ...["transformer", "lowering", "checkpoint", "tokenizer", "tasks", "discovery", "measure", "known"],
    ...["export", "jobs", "experiments", "report", "server"],
  ],
};

/** Files that need Node; all the others in src/ run in a browser unchanged. */
const nodeHalves = [
  "^src/files/(?!(file-error|json|json-bounds|json-fault)\\.ts$)",
  "^src/checkpoint/(checkpoint|file-source|write-safetensors-file|gguf/gguf-files)\\.ts$",
  "^src/checkpoint/hub/",
  "^src/architectures/open-checkpoint\\.ts$",
  "^src/tokenizer/load-tokenizer\\.ts$",
  "^src/tasks/read-task-file\\.ts$",
  "^src/runtime/(node-runtime|worker|load-probe|peak-memory|garbage-collector)\\.ts$",
  "^src/export/(write-folder|read-folder|check-files)\\.ts$",
  "^src/jobs/",
  "^src/server/",
  "^src/experiments/(run-sweep|sweep-jobs|sweep-journal|sweep-tasks|sweep-unit|students|reproduce|time-circuits)\\.ts$",
  "^src/cli/",
  "^src/index\\.ts$",
];

const testFiles = "\\.test\\.ts$|/testing\\.ts$";
const folder = (name) => `^src/${name}/`;

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-unresolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-orphans",
      comment: "A file that nothing imports is either an entry point or left over.",
      severity: "error",
      from: {
        orphan: true,
        pathNot: [testFiles, "^src/(index|cli/main|runtime/(worker|load-probe))\\.ts$"],
      },
      to: {},
    },
    {
      name: "nothing-below-the-bottom",
      severity: "error",
      from: { path: bottom, pathNot: testFiles },
      to: { path: "^src/", pathNot: bottom },
    },
    {
      name: "errors-below-files",
      severity: "error",
      from: { path: "^src/(errors|printable)\\.ts$" },
      to: { path: "^src/files/" },
    },
    ...Object.entries(layers).map(([name, below]) => ({
      name: `${name}-imports-down-only`,
      comment: `src/${name} may import from ${["errors.ts", "printable.ts", "files", ...below].join(", ")}.`,
      severity: "error",
      from: { path: folder(name), pathNot: testFiles },
      to: {
        path: "^src/",
        pathNot: [bottom, folder(name), ...below.map(folder)],
      },
    })),
    {
      name: "src-stands-alone",
      comment: "What is shipped imports nothing of the pages, measurements, tests and examples beside it.",
      severity: "error",
      from: { path: "^src/", pathNot: testFiles },
      to: { path: "^(web|bench|test|examples)/" },
    },
    {
      name: "browser-safe",
      comment: "Only the Node halves, listed in .dependency-cruiser.mjs, may import from Node.",
      severity: "error",
      from: { path: "^src/", pathNot: [...nodeHalves, testFiles] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "browser-safe-all-the-way",
      comment: "A file that runs in a browser may take types from a Node half, and nothing else.",
      severity: "error",
      from: { path: "^src/", pathNot: [...nodeHalves, testFiles] },
      to: { path: nodeHalves, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "onnx-runtime-in-runtime",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/runtime/", testFiles] },
      to: { path: "onnxruntime-" },
    },
    {
      name: "tests-are-not-imported",
      severity: "error",
      from: { path: "^src/", pathNot: testFiles },
      to: { path: testFiles },
    },
    {
      name: "declared-dependencies-only",
      comment: "What is shipped may import only what package.json lists under dependencies.",
      severity: "error",
      from: { path: "^src/", pathNot: testFiles },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // All of it is ES modules: a function of one's own called `require` is no import.
    moduleSystems: ["es6"],
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
