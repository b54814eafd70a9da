/** Pith's public API. See README.md; everything that is not exported here may change without notice. */

export type { RawConfig } from "./architectures/config-fields.ts";
export type { CheckpointTensors, Family, FamilyConfig } from "./architectures/family.ts";
export { registerFamily } from "./architectures/index.ts";
export type { ByteSource } from "./checkpoint/byte-source.ts";
export type { Checkpoint } from "./checkpoint/checkpoint.ts";
export { openFileSource } from "./checkpoint/file-source.ts";
export type { GgufMetadata, GgufNumbers, GgufValue } from "./checkpoint/gguf/header.ts";
export type { HubProgress } from "./checkpoint/hub/progress.ts";
export type { CheckpointWeight } from "./checkpoint/shards.ts";
export type { Constant } from "./discovery/constant.ts";
export type { KlSoFar } from "./discovery/evaluator/candidate-kl.ts";
export type { Evaluator } from "./discovery/evaluator/evaluator.ts";
export type { LayerChoice, LayerState, LayerTrial } from "./discovery/evaluator/layer-trial.ts";
export type { VisitAnswers } from "./discovery/evaluator/scorer.ts";
export type { Upper } from "./discovery/evaluator/upper.ts";
export type {
  FirstPosition,
  FirstPositionChoice,
  FirstPositionDecision,
  Sink,
} from "./discovery/first-position.ts";
export { defaultFitNumbers, type FitNumbers } from "./discovery/fitted/fit-options.ts";
export type { StreamConstants } from "./discovery/gates/gate-passes.ts";
export type { GatedModel, GatedRun, GateGradients } from "./discovery/gates/gated-model.ts";
export type { OpenGates } from "./discovery/gates/open-gates.ts";
export type { Replacements, ValueBias } from "./discovery/replacements.ts";
export {
  knownSearchUnits,
  registerSearchUnits,
  type SearchUnit,
  type SearchUnits,
  type UnitLayer,
} from "./discovery/search-units.ts";
export type { Decision } from "./discovery/searches/decision.ts";
export { registerSearch } from "./discovery/searches/index.ts";
export type {
  DecisionMade,
  MeasuredCircuit,
  MetTarget,
  RankedCut,
  Search,
  SearchBegun,
  SearchContext,
  SearchDescription,
  SearchEvent,
  SearchInputs,
  SearchJournal,
  SearchOutcome,
  SearchProgress,
  TriedStart,
} from "./discovery/searches/search.ts";
export type { JudgeAnswer } from "./discovery/searches/target/assess.ts";
export type { Target } from "./discovery/searches/target/target-options.ts";
export type { StepFault } from "./discovery/step-fault.ts";
export { type ErrorPlace, PithError, type PithErrorCode } from "./errors.ts";
export type { CurveMean, RocCurves, SettingCurve, TaskCurves } from "./experiments/curves.ts";
export type { Ablation, Setting, TableChoice } from "./experiments/paper-settings.ts";
export type { PublishedRow } from "./experiments/published.ts";
export type { PublishedStudent } from "./experiments/published-students.ts";
export { type ReproduceOptions, type ReproductionRun, reproduce } from "./experiments/reproduce.ts";
export type { Reproduction, ReproductionModel, TaskFigures, TaskRoc } from "./experiments/reproduction.ts";
export { circuitOfRow } from "./experiments/row-circuit.ts";
export { type RunSweepOptions, runSweep, type SweepOutcome } from "./experiments/run-sweep.ts";
export type { Spread } from "./experiments/spread.ts";
export type { StudentRow } from "./experiments/students.ts";
export type { UnitCounts } from "./experiments/sweep-file.ts";
export type { JobShare } from "./experiments/sweep-jobs.ts";
export type { SweepDraw, SweepSource, SweepUnit } from "./experiments/sweep-plan.ts";
export {
  logSpaced,
  planSweep,
  type SweepChoice,
  type SweepPlan,
  type SweepSettings,
  type SweepTask,
} from "./experiments/sweep-plan.ts";
export type {
  AccuracyPair,
  KnownRates,
  OfBoth,
  OfSets,
  SweepRow,
  SweepRuns,
} from "./experiments/sweep-row.ts";
export type { AlphaSummary } from "./experiments/sweep-summary.ts";
export { type KnownSummary, type SettingSummary, summarizeSweep } from "./experiments/sweep-summary.ts";
export { type ReadSweepTasksOptions, readSweepTasks } from "./experiments/sweep-tasks.ts";
export type { CircuitTiming, TableRow } from "./experiments/tables.ts";
export type { Prediction } from "./export/ask-circuit.ts";
export type { CircuitFile, SearchRecord } from "./export/circuit-file.ts";
export type { ConstantsRecord } from "./export/constants-record.ts";
export type { Dtype, NarrowDtype } from "./export/dtype.ts";
export { dtypes } from "./export/dtype.ts";
export { readStandalone } from "./export/read-standalone.ts";
export type { SizeCurvePoint } from "./export/size-curve-record.ts";
export type { StabilityRecord } from "./export/stability-record.ts";
export type { TargetRecord } from "./export/target-record.ts";
export type { HeadPattern } from "./inspect/attention-patterns.ts";
export { attentionPatterns } from "./inspect/attention-patterns.ts";
export type { Attribution, MeanDeviation } from "./inspect/attribution.ts";
export { type AttributedPrompt, attributeAnswers } from "./inspect/attribution.ts";
export type { StreamWriter } from "./inspect/observe.ts";
export {
  type Distillation,
  type DistillOptions,
  type DistillTaskOptions,
  distill,
} from "./jobs/distill/distill.ts";
export { type DistillNumbers, defaultDistillOptions } from "./jobs/distill/distill-options.ts";
export type { StudentMeasures, StudentPoint } from "./jobs/distill/train-student.ts";
export type {
  DownloadEvent,
  NoteEvent,
  OnEvent,
  PithEvent,
  PreflightEvent,
  ProgressEvent,
  SearchShapeEvent,
  Step,
  StepEvent,
  SweepEvent,
} from "./jobs/events.ts";
export { type EvidenceOptions, gatherEvidence } from "./jobs/evidence/evidence.ts";
export type {
  CircuitEvidence,
  EvidenceBudget,
  FaithfulnessCurve,
  FaithfulnessPoint,
  FittedInFolder,
  MeasuredEvidence,
  Minimality,
  MissingCurve,
  RandomComparison,
  SufficiencyTest,
  WithoutOne,
  WordingEvidence,
} from "./jobs/evidence/evidence-result.ts";
export { type Extraction, extract } from "./jobs/extract/extract.ts";
export {
  type ChosenSearch,
  type ConstantsChoice,
  defaultExtractOptions,
  type ExtractOptions,
  type SearchSettings,
} from "./jobs/extract/extract-options.ts";
export type { ExtractionTiming } from "./jobs/extract/measure-circuit.ts";
export type { LoadCircuitOptions } from "./jobs/load-circuit.ts";
export {
  type CircuitModel,
  type EvaluateOptions,
  type Evaluation,
  loadCircuit,
} from "./jobs/load-circuit.ts";
export { type LoadOptions, loadModel, type Model } from "./jobs/load-model.ts";
export type { MemoryRecord } from "./jobs/memory/bounded-memory.ts";
export type { SpillTraffic } from "./jobs/memory/estimate-memory.ts";
export type { MemoryPlan } from "./jobs/memory/plan-memory.ts";
export { type PreflightOptions, preflight } from "./jobs/preflight/preflight.ts";
export type {
  Preflight,
  PreflightCode,
  PreflightFinding,
  SpellingPreflight,
  SplitPreflight,
} from "./jobs/preflight/preflight-result.ts";
export { type RankedComponent, type RankedModel, type RankOptions, rank } from "./jobs/rank/rank.ts";
export { readKnown } from "./jobs/read-known.ts";
export { type ReadTaskOptions, readTask, type Task } from "./jobs/read-task.ts";
export type {
  KnownRecovery,
  ReportPart,
  ShownExample,
  ShownExamples,
  ShownPatterns,
  SkillResult,
} from "./jobs/report/report.ts";
export { type CircuitReport, gatherReport, type ReportOptions } from "./jobs/report/report.ts";
export type { ModelAnswer, TokenChance } from "./jobs/report/report-examples.ts";
export type { ScoredComponent, ShownRanking, ShownRankings } from "./jobs/report/report-rankings.ts";
export { type TunedCircuit, type TuneOptions, tuneCircuit } from "./jobs/tune/tune.ts";
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
export type { CacheKind } from "./lowering/cache-heads.ts";
export { cacheKinds } from "./lowering/cache-heads.ts";
export type { Loss } from "./lowering/loss-stages.ts";
export type { OperatorSet } from "./lowering/operator-set.ts";
export type { SplitEvaluation } from "./measure/compare.ts";
export type { FaithfulnessAreas } from "./measure/faithfulness-areas.ts";
export type { Timing } from "./measure/latency.ts";
export type { ParameterCount } from "./measure/parameters.ts";
export type { ShareEstimate } from "./measure/share-estimate.ts";
export type { SpeedRatio } from "./measure/speed-ratio.ts";
export type { TrialShape } from "./measure/stability.ts";
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
export type { Device } from "./runtime/engine.ts";
export { type RuntimeOptions, workerRuntime } from "./runtime/node-runtime.ts";
export type { Runtime } from "./runtime/runtime.ts";
export type { AcronymLetter } from "./tasks/builtin/acronym-spelling.ts";
export { type BuiltinTaskName, builtinTaskNames, type PromptCounts } from "./tasks/builtin/builtin-task.ts";
export { BUILTIN_TASKS, type BuiltinTaskEntry } from "./tasks/builtin/index.ts";
export type { NameOrder } from "./tasks/builtin/ioi-templates.ts";
export type { YearDigit } from "./tasks/builtin/year-digits.ts";
export type { EncodedExample, EncodedTask } from "./tasks/encode-task.ts";
export type { Split, TaskExample, TaskFile } from "./tasks/task-file.ts";
export type { JsonObject } from "./tokenizer/json.ts";
export type { Tokenizer, TokenizerFiles } from "./tokenizer/tokenizer.ts";
export {
  type Circuit,
  type CircuitLists,
  circuitOf,
  circuitOfLists,
  componentsOf,
  countComponents,
  countKept,
  keeps,
  keepsMlp,
  keptHeads,
  keptNeurons,
  listsOf,
  sameCircuit,
  unionOf,
  wholeCircuit,
  withComponents,
  without,
} from "./transformer/circuit.ts";
export { bodyShare, circuitSize } from "./transformer/circuit-size.ts";
export type { LayerComponents, LayerShape } from "./transformer/component.ts";
export {
  type Component,
  type ComponentKind,
  type ComponentRecord,
  componentOf,
  componentTitle,
  type ModelShape,
  nameInModel,
  type Order,
  parseComponent,
  shapeOf,
} from "./transformer/component.ts";
export type { GateKind, GateShape, GateValues } from "./transformer/gates.ts";
export type { PositionRows } from "./transformer/position-rows.ts";
export type {
  Activation,
  AnyTransformer,
  Attention,
  Block,
  Folded,
  FoldedTransformer,
  JointNorm,
  Linear,
  Mlp,
  Norm,
  Positions,
  ProjectionNorm,
  Reader,
  Rotary,
  Transformer,
} from "./transformer/transformer.ts";
export type { Weight } from "./transformer/weight.ts";
