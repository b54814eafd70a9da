/** Pith's public API. See README.md; everything that is not exported here may change without notice. */
export type { Decision, Order } from "./discovery/search.ts";
export { type ErrorPlace, PithError, type PithErrorCode } from "./errors.ts";
export type { SplitEvaluation } from "./evaluation/compare.ts";
export type { Timing } from "./evaluation/latency.ts";
export type { ParameterCount } from "./evaluation/parameters.ts";
export type { CircuitFile } from "./export/circuit-file.ts";
export type { OnEvent, PithEvent, Step } from "./pipeline/events.ts";
export { type Extraction, extract } from "./pipeline/extract.ts";
export {
  defaultExtractOptions,
  type ExtractOptions,
  type SearchSettings,
} from "./pipeline/extract-options.ts";
export {
  type CircuitModel,
  type EvaluateOptions,
  type Evaluation,
  loadCircuit,
  type Prediction,
} from "./pipeline/load-circuit.ts";
export { type LoadOptions, loadModel, type Model } from "./pipeline/load-model.ts";
export { readTask, type Task } from "./pipeline/read-task.ts";
export type { TaskExample, TaskFile } from "./tasks/task-file.ts";
export type { Tokenizer } from "./tokenizer/tokenizer.ts";
