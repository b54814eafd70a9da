/**
 * The display of progress: the state that results from events, and its text: a block that is redrawn on a
 * terminal, or one line for logs. Pure functions; `cli/progress.ts` writes the text.
 */
import { type Decision, recordsOf } from "../discovery/searches/decision.ts";
import type { PithEvent, Step, SweepEvent } from "../jobs/events.ts";
import {
  type ComponentRecord,
  componentOf,
  componentsOnTrial,
  recordOf,
  shapeOfHeadCounts,
} from "../transformer/component.ts";
import { formatBytes, formatDuration } from "./format.ts";
import { layersOfSearch, terminalMap } from "./terminal-map.ts";
import type { TerminalStyle } from "./terminal-style.ts";
import { sweepProgress } from "./terminal-sweep.ts";

export interface ProgressState {
  readonly step: Step | undefined;
  readonly finished: readonly Step[];
  /** When the current step began, in milliseconds of any monotonic clock. */
  readonly stepStarted: number;
  readonly done: number;
  readonly total: number;
  /** The file and bytes of a download. */
  readonly file: string | undefined;
  readonly search: SearchState | undefined;
  /** The first and the latest event of a sweep. */
  readonly sweep?: { readonly first: SweepEvent; readonly now: SweepEvent };
}

interface SearchState {
  readonly headsPerLayer: readonly number[];
  readonly mlpsOnTrial: boolean;
  readonly candidates: number;
  readonly resumed: number;
  readonly decisions: readonly Decision[];
  readonly started: number;
}

export const noProgress: ProgressState = {
  step: undefined,
  finished: [],
  stepStarted: 0,
  done: 0,
  total: 0,
  file: undefined,
  search: undefined,
};

/** @param now milliseconds. */
export function advance(state: ProgressState, event: PithEvent, now: number): ProgressState {
  switch (event.kind) {
    case "step":
      return enter(state, event.step, now);
    case "download": {
      const { done, total, file } = event.progress;
      return { ...enter(state, "download", now), done, total, file };
    }
    case "progress":
      return { ...enter(state, event.step, now), done: event.done, total: event.total };
    case "search": {
      const { headsPerLayer, candidates, mlps, resumed } = event;
      return {
        ...enter(state, "search", now),
        done: resumed.length,
        total: candidates,
        search: {
          headsPerLayer,
          mlpsOnTrial: mlps,
          candidates,
          resumed: resumed.length,
          decisions: resumed,
          started: now,
        },
      };
    }
    case "decision": {
      const { search } = state;
      if (search === undefined) return state;
      return {
        ...state,
        done: event.done,
        total: event.total,
        search: { ...search, decisions: [...search.decisions, event.decision] },
      };
    }
    case "preflight":
    case "note":
      return state;
    case "sweep":
      return { ...enter(state, "sweep", now), sweep: { first: state.sweep?.first ?? event, now: event } };
  }
}

function enter(state: ProgressState, step: Step, now: number): ProgressState {
  if (state.step === step) return state;
  const finished = state.step === undefined ? state.finished : [...state.finished, state.step];
  return { ...state, step, finished, stepStarted: now, done: 0, total: 0, file: undefined };
}

const stepNames: Readonly<Record<Step, string>> = {
  download: "downloading",
  preflight: "asking the original",
  activations: "the original on the patching and validation prompts",
  search: "searching",
  rank: "scoring components",
  train: "training",
  sweep: "sweeping",
  bootstrap: "searching with resampled prompts",
  export: "writing the standalone model",
  verify: "checking it against the patched original",
  measure: "measuring accuracy and time",
};

/** One line without colour: what is being done, how much is done, how fast, and how long it will still take. */
export function progressLine(state: ProgressState, now: number): string {
  if (state.step === undefined) return "starting";
  return [stepNames[state.step], ...howFar(state, now)].join(", ");
}

/**
 * The same as a block of lines for a terminal, with the circuit as far as it is known.
 * @param rows of the terminal; if not all layers fit, the map shows those around the layer that is being tried.
 */
export function progressBlock(
  state: ProgressState,
  style: TerminalStyle,
  now: number,
  rows: number,
): readonly string[] {
  const status = ` ${shorten(progressLine(state, now), style.width - 2, style.symbols.ellipsis)}`;
  const { search } = state;
  // In a very low window, a map of one or two layers is not worth its space.
  if (search === undefined || rows < 8) return [status];
  const last = search.decisions.at(-1);
  const trial = state.step === "search" ? nextCandidate(search) : undefined;
  const layers = layersOfSearch(search.headsPerLayer, search.mlpsOnTrial, search.decisions, trial);
  const map = terminalMap(layers, style);
  const room = rows - 3;
  const [head, body] = [map.slice(0, 2), map.slice(2)];
  const perLayer = Math.max(1, Math.round(body.length / Math.max(1, layers.length)));
  const current = (layers.length - 1 - (trial?.layer ?? last?.layer ?? layers.length - 1)) * perLayer;
  const shown = Math.max(1, room - head.length);
  const start = Math.max(0, Math.min(current - Math.floor(shown / 2), body.length - shown));
  return [...head, ...body.slice(start, start + shown), "", status];
}

function howFar(state: ProgressState, now: number): readonly string[] {
  const { step, done, total, file, search, sweep } = state;
  if (step === "sweep" && sweep !== undefined) {
    return sweepProgress(sweep.first, sweep.now, (now - state.stepStarted) / 1000);
  }
  if (total === 0) return [];
  if (step === "download") return [`${file ?? ""} ${formatBytes(done)} of ${formatBytes(total)}`.trim()];
  if (step === "bootstrap" && done < total) return [`run ${done + 1} of ${total}`];
  if (step !== "search" || search === undefined) return [`${done} of ${total}`];
  const tried = done - search.resumed;
  const seconds = (now - search.started) / 1000;
  const parts = [`${done} of ${total}`];
  if (tried > 0 && seconds > 0.2) {
    const rate = tried / seconds;
    parts.push(`${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)}/s`);
    if (done < total) parts.push(`${formatDuration((total - done) / rate)} left`);
  }
  return parts;
}

/**
 * The component that is tried next, as far as past decisions show the order: within a layer, heads come in
 * ascending order, and the MLP before or after them.
 */
function nextCandidate(search: SearchState): ComponentRecord | undefined {
  const { decisions, headsPerLayer, mlpsOnTrial } = search;
  const [first] = decisions;
  const mlpFirst = first !== undefined && componentOf(first).kind === "mlp";
  const next = componentsOnTrial(shapeOfHeadCounts(headsPerLayer), {
    mlps: mlpsOnTrial,
    order: mlpFirst ? "downstream" : "published",
  })[decisions.reduce((sum, decision) => sum + recordsOf(decision).length, 0)];
  return next && recordOf(next);
}

function shorten(text: string, width: number, ellipsis: string): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - ellipsis.length))}${ellipsis}`;
}
