/**
 * A person's choices for the next run, and the server's answers about them. They are kept when another page is
 * shown, so that nothing is lost. Every change is checked after a short pause; an answer to an outdated request
 * is ignored.
 */
import { batch, signal } from "@preact/signals";
import type {
  Estimate,
  ModelSummary,
  RunOptions,
  RunRequest,
  RunSummary,
  StudioInfo,
  SweepRanges,
  TaskCheck,
  TaskSource,
} from "../../src/server/api.ts";
import { type Fault, faultOf, get, post } from "../data/api-client.ts";
import { askPreflight, forgetPreflight, preflight } from "./preflight.ts";

const rest = 300;

export const info = signal<StudioInfo | undefined>(undefined);
export const infoFault = signal<Fault | undefined>(undefined);
export const model = signal<ModelSummary | undefined>(undefined);
export const modelFault = signal<Fault | undefined>(undefined);
export const openingModel = signal(false);
/** Whether the model is chosen by name, instead of the embedded one; and the name as typed. */
export const ownModel = signal(false);
export const modelName = signal("");
export const task = signal<TaskSource>({ kind: "builtin", name: "ioi" });
export const options = signal<RunOptions | undefined>(undefined);
export const kind = signal<RunRequest["kind"]>("extract");
export const sweepFields = signal({ from: 0.001, to: 1, count: 12, zero: false, noMlps: false });
export const check = signal<TaskCheck | undefined>(undefined);
export const checkFault = signal<Fault | undefined>(undefined);
export const checking = signal(false);
/** Fields with an invalid value: the option then differs from what the person sees. */
export const wrongFields = signal<ReadonlySet<string>>(new Set());
export const estimate = signal<Estimate | undefined>(undefined);
/** Whether a warning of the preflight prevents the start. */
export const strict = signal(false);
/** Kept, so that choosing a built-in task for a moment loses no text. */
export const ownText = signal<Extract<TaskSource, { kind: "text" }>>({
  ...{ kind: "text", name: "my task", format: "jsonl", text: "" },
});

export async function loadInfo(): Promise<void> {
  if (info.value !== undefined) return;
  try {
    const read = await get<StudioInfo>("/api/info");
    batch(() => {
      info.value = read;
      infoFault.value = undefined;
      model.value ??= read.embeddedModel;
      options.value ??= read.defaults;
    });
    recheck();
  } catch (thrown) {
    infoFault.value = faultOf(thrown);
    setTimeout(loadInfo, 2000);
  }
}

/** The model that is being opened; a later choice cancels it. */
let opening: AbortController | undefined;

function chooseModel(next: ModelSummary | undefined): void {
  opening?.abort();
  opening = undefined;
  batch(() => {
    openingModel.value = false;
    modelFault.value = undefined;
    model.value = next;
    if (next === undefined) estimate.value = undefined;
  });
  recheck();
}

export function chooseEmbeddedModel(): void {
  ownModel.value = false;
  chooseModel(info.value?.embeddedModel);
}

/** No model is chosen until it is opened. */
export function chooseOwnModel(): void {
  ownModel.value = true;
  chooseModel(undefined);
}

/** Another name is another model. */
export function nameModel(name: string): void {
  modelName.value = name;
  if (openingModel.value || model.value !== undefined || modelFault.value !== undefined) {
    chooseModel(undefined);
  }
}

export async function openModel(name: string): Promise<void> {
  chooseModel(undefined);
  const own = new AbortController();
  opening = own;
  openingModel.value = true;
  try {
    const opened = await post<ModelSummary>("/api/models", { model: name }, own.signal);
    if (!own.signal.aborted) chooseModel(opened);
  } catch (thrown) {
    if (own.signal.aborted) return;
    chooseModel(undefined);
    modelFault.value = faultOf(thrown);
  }
}

export function markField(name: string, wrong: boolean): void {
  if (wrongFields.value.has(name) === wrong) return;
  const next = new Set(wrongFields.value);
  if (wrong) next.add(name);
  else next.delete(name);
  wrongFields.value = next;
}

export function chooseTask(next: TaskSource): void {
  task.value = next;
  if (next.kind === "text") ownText.value = next;
  recheck();
}

export function chooseOptions(change: Partial<RunOptions>): void {
  if (options.value === undefined) return;
  options.value = { ...options.value, ...change };
  recheck();
}

export function chooseKind(next: RunRequest["kind"]): void {
  kind.value = next;
  recheck();
}

export function chooseSweep(change: Partial<typeof sweepFields.value>): void {
  sweepFields.value = { ...sweepFields.value, ...change };
  recheck();
}

let timer: ReturnType<typeof setTimeout> | undefined;
let asked: AbortController | undefined;

function recheck(): void {
  clearTimeout(timer);
  asked?.abort();
  checking.value = true;
  timer = setTimeout(() => void askServer(), rest);
}

async function askServer(): Promise<void> {
  const chosen = options.value;
  if (model.value === undefined || chosen === undefined || isEmpty(task.value)) {
    batch(() => {
      checking.value = false;
      check.value = checkFault.value = estimate.value = undefined;
    });
    forgetPreflight();
    return;
  }
  asked = new AbortController();
  const { signal: abort } = asked;
  const body = { model: model.value.model, task: task.value, options: whereTheyApply(chosen) };
  try {
    const found = await post<TaskCheck>("/api/tasks", body, abort);
    batch(() => {
      check.value = found;
      checkFault.value = undefined;
      if (found.faults.length > 0) estimate.value = undefined;
    });
    if (found.faults.length > 0) forgetPreflight();
    // The permission for one weak task does not apply to another.
    else if (askPreflight(body) && options.value?.allowWeak === true) {
      options.value = { ...options.value, allowWeak: false };
    }
    const over = kind.value === "sweep" ? sweepChoice(chosen) : undefined;
    if (over?.alphas.length === 0) estimate.value = undefined;
    else if (found.faults.length === 0) {
      estimate.value = await post<Estimate>(
        "/api/estimate",
        { ...body, ...(over && { sweep: over }) },
        abort,
      );
    }
  } catch (thrown) {
    if (abort.aborted) return;
    batch(() => {
      // The earlier answers belong to another task.
      check.value = estimate.value = undefined;
      checkFault.value = faultOf(thrown);
    });
    forgetPreflight();
  }
  if (!abort.aborted) checking.value = false;
}

function isEmpty(source: TaskSource): boolean {
  return source.kind === "text" && source.text.trim() === "";
}

/** Why the preflight prevents the start; undefined if it does not. */
export function heldBack(): "weak" | "strict" | undefined {
  const findings = preflight.value?.findings ?? [];
  const isWeak = findings.some(({ severity }) => severity === "refusal");
  if (isWeak && options.value?.allowWeak !== true) return "weak";
  const isWarned = findings.some(({ severity }) => severity === "warning");
  return isWarned && strict.value ? "strict" : undefined;
}

export function canStart(): boolean {
  const found = check.value;
  return (
    model.value !== undefined &&
    found !== undefined &&
    found.faults.length === 0 &&
    checkFault.value === undefined &&
    wrongFields.value.size === 0 &&
    heldBack() === undefined &&
    !checking.value
  );
}

/** α of a sweep, evenly spaced on a logarithmic scale, to three digits. */
export function sweepAlphas({
  from,
  to,
  count,
}: {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}) {
  if (!(from > 0 && to >= from && count >= 1)) return [];
  const step = count === 1 ? 0 : Math.log(to / from) / (count - 1);
  return [
    ...new Set(Array.from({ length: count }, (_, at) => Number((from * Math.exp(at * step)).toPrecision(3)))),
  ];
}

function sweepChoice(chosen: RunOptions): SweepRanges {
  const { zero, noMlps } = sweepFields.value;
  return {
    alphas: sweepAlphas(sweepFields.value),
    ablations: zero ? ["mean", "zero"] : [chosen.ablation],
    mlps: noMlps ? [true, false] : [chosen.mlps],
    seeds: [chosen.seed],
  };
}

/** Whether one mean for all positions takes a pruned component's place. */
export function usesPooledMeans({ means, ablation }: RunOptions): boolean {
  return means === "pooled" && (ablation === "mean" || (kind.value === "sweep" && sweepFields.value.zero));
}

/** Whether the model has heads that share keys and values, which may be tried together. */
export function hasGroups(): boolean {
  return model.value?.grouped === true;
}

/** Without the choices that pooled means, models with groups of heads, or single circuits alone have. */
function whereTheyApply({ firstPosition, components, earlyExit, memory, ...chosen }: RunOptions): RunOptions {
  const single = kind.value === "extract";
  const tried = components !== "kv-groups" || hasGroups() ? components : undefined;
  return {
    ...chosen,
    ...(firstPosition !== undefined && usesPooledMeans(chosen) && { firstPosition }),
    ...(tried !== undefined && single && { components: tried }),
    ...(earlyExit === true && single && { earlyExit }),
    ...(memory !== undefined && single && { memory }),
  };
}

/** @throws ApiFailure when the server refuses. */
export async function startRun(): Promise<RunSummary> {
  const [chosen, of] = [options.value, model.value];
  if (chosen === undefined || of === undefined) throw new Error("nothing is chosen yet");
  const base = { model: of.model, task: task.value, options: whereTheyApply(chosen) };
  if (kind.value === "extract") return post("/api/runs", { kind: "extract", ...base } satisfies RunRequest);
  return post("/api/runs", { kind: "sweep", ...base, ...sweepChoice(chosen) } satisfies RunRequest);
}
