/** Pith's public API. See README.md; everything that is not exported here may change without notice. */
export type { Decision } from "./discovery/searches/greedy/search.ts";
export { registerSearch } from "./discovery/searches/index.ts";
export type {
  MetTarget,
  Search,
  SearchContext,
  SearchEvent,
  SearchInputs,
  SearchJournal,
  SearchOutcome,
} from "./discovery/searches/search.ts";
export type { Target } from "./discovery/searches/target/target-options.ts";
export { type ErrorPlace, PithError, type PithErrorCode } from "./errors.ts";
export { type ReproduceOptions, type ReproductionRun, reproduce } from "./experiments/reproduce.ts";
export type { Reproduction, ReproductionModel } from "./experiments/reproduction.ts";
export { type RunSweepOptions, runSweep, type SweepOutcome } from "./experiments/run-sweep.ts";
export {
  logSpaced,
  planSweep,
  type SweepChoice,
  type SweepPlan,
  type SweepSettings,
  type SweepTask,
} from "./experiments/sweep-plan.ts";
export type { AccuracyPair, KnownRates, SweepRow } from "./experiments/sweep-row.ts";
export { type KnownSummary, type SettingSummary, summarizeSweep } from "./experiments/sweep-summary.ts";
export { type ReadSweepTasksOptions, readSweepTasks } from "./experiments/sweep-tasks.ts";
export type { Prediction } from "./export/ask-circuit.ts";
export type { CircuitFile } from "./export/circuit-file.ts";
export type { StabilityRecord } from "./export/stability-record.ts";
export type { TargetRecord } from "./export/target-record.ts";
export type { OnEvent, PithEvent, Step } from "./jobs/events.ts";
export { type Extraction, extract } from "./jobs/extract/extract.ts";
export {
  type ChosenSearch,
  defaultExtractOptions,
  type ExtractOptions,
  type SearchSettings,
} from "./jobs/extract/extract-options.ts";
export {
  type CircuitModel,
  type EvaluateOptions,
  type Evaluation,
  loadCircuit,
} from "./jobs/load-circuit.ts";
export { type LoadOptions, loadModel, type Model } from "./jobs/load-model.ts";
export { type PreflightOptions, preflight } from "./jobs/preflight/preflight.ts";
export type {
  Preflight,
  PreflightCode,
  PreflightFinding,
  SpellingPreflight,
  SplitPreflight,
} from "./jobs/preflight/preflight-result.ts";
export { readKnown } from "./jobs/read-known.ts";
export { type ReadTaskOptions, readTask, type Task } from "./jobs/read-task.ts";
export { type CircuitReport, gatherReport, type ReportOptions } from "./jobs/report/report.ts";
export type { TokenChance } from "./jobs/report/report-examples.ts";
export {
  type Head,
  type HeadGroup,
  KNOWN_CIRCUITS,
  type KnownCircuit,
  knownCircuit,
  knownCircuitsOf,
  knownHeads,
  parseKnownCircuit,
} from "./known/known-circuits.ts";
export {
  areaUnderCurve,
  meanRoc,
  type Recovery,
  type RocPoint,
  recoveryRates,
  rocCurve,
} from "./known/recovery.ts";
export type { SplitEvaluation } from "./measure/compare.ts";
export type { Timing } from "./measure/latency.ts";
export type { ParameterCount } from "./measure/parameters.ts";
export type { ShareEstimate } from "./measure/share-estimate.ts";
export {
  type ByScope,
  chanceJaccard,
  type Frequency,
  frequencyOf,
  frequentCircuit,
  type Stability,
  stabilityOf,
} from "./measure/stability.ts";
export { reportPage } from "./report/html/report-page.ts";
export { reproductionFiles } from "./report/reproduction/files.ts";
export type { RunFacts } from "./report/reproduction/page.ts";
export type { PromptCounts } from "./tasks/builtin/builtin-task.ts";
export { BUILTIN_TASKS, type BuiltinTaskEntry } from "./tasks/builtin/index.ts";
export type { TaskExample, TaskFile } from "./tasks/task-file.ts";
export type { Tokenizer } from "./tokenizer/tokenizer.ts";
export type { Circuit } from "./transformer/circuit.ts";
export type { Order } from "./transformer/component.ts";
