/**
 * How much memory a run takes at its peak, from sizes alone, before it begins. The peak is that of the largest step;
 * each step holds weights (`weights`) and everything else (`rest`). Weights count as the runtime counts them: those of
 * all sessions, and for the one that is loaded a multiple for a moment.
 */
import { rowsPerRunOn } from "../../discovery/evaluator/cross-entropy.ts";
import { loadingFactor } from "../../runtime/room.ts";
import type { MemorySizes } from "./memory-sizes.ts";

/** How a run keeps its memory small. */
export interface MemoryManner {
  /** Residual streams wait in a file. */
  readonly spills: boolean;
  readonly tokensAtOnce: number;
  /** Rows of logits that are kept at once when models are compared. */
  readonly logitRows: number;
  /** The next layer's weights are loaded while a layer runs. */
  readonly ahead: boolean;
}

/** What a run does beside finding and shipping a circuit in float32. */
export interface MemoryExtras {
  /** Narrower number formats, each of which is loaded beside the float32 model. */
  readonly formats: boolean;
  /** Answers are judged during the search, which takes the unembedding once more. */
  readonly judges: boolean;
  /** Circuits are measured without a file, as in a sweep: their weights are copied into the engine. */
  readonly loadsCircuits: boolean;
  /** Thresholds that are searched together: each may have a candidate of its own. */
  readonly thresholds: number;
}

interface MemoryStep {
  readonly name: "forward passes" | "scoring" | "search" | "circuit" | "original";
  readonly weights: number;
  readonly rest: number;
}

interface MemoryEstimate {
  readonly steps: readonly MemoryStep[];
  /** The most that weights take in any step but the circuit's, if no decided part stays. */
  readonly weights: number;
  /** The most that such a step holds beside weights, with what the process held before. */
  readonly rest: number;
  /** The circuit's file without any part, and what is held beside it. */
  readonly circuit: Omit<MemoryStep, "name">;
  /** The larger of the two sums: one bound serves all steps. */
  readonly peak: number;
}

/** ONNX Runtime, its thread, and garbage that is not collected yet: a round figure above 85 MB at Llama-3.2-1B's shape. */
const engineBytes = 150e6;

/** What the C library keeps of the layers that were loaded and let go, when the search has ended: 1.8 at that shape. */
const retainedLayers = 2;

/** ONNX Runtime's arenas grow by powers of two, so they may hold twice what a layer's activations take. */
const arenaFactor = 2;

/** Rows of logits of one run, and how often they are held: logits, exponentials, results. */
const scoredRows = rowsPerRunOn.cpu;
const scoredCopies = 3;

/** Streams of the validation set that a trial holds: before the layer, z, after its heads, and two behind an MLP. */
const trialStreams = 5;

/** @param held by the process before. */
export function estimateMemory(
  sizes: MemorySizes,
  manner: MemoryManner,
  extras: MemoryExtras,
  held: number,
): MemoryEstimate {
  const { layers, width, vocabulary, prompts, weights } = sizes;
  const stream = (tokens: number) => 4 * tokens * width;
  const base = held + engineBytes + replacementBytes(sizes);
  const batch = batchBytes(sizes, manner.tokensAtOnce);
  const layer = weights.layer;
  const { patching, validation, test } = prompts;

  const searched = patching + validation;
  const waiting = manner.spills ? 0 : layers * stream(validation);
  const passing = manner.spills ? 0 : 2 * stream(Math.max(searched, validation + test));
  const partRows = Math.min(scoredRows, prompts.validationRows);
  const scoring = (4 * scoredCopies * partRows * vocabulary * weights.unembeddingPart) / weights.unembedding;
  const logits = 2 * 4 * vocabulary * Math.min(manner.logitRows, prompts.mostRows);
  const judged = extras.judges ? weights.unembedding : 0;
  const lastPart = (loadingFactor - 1) * weights.unembeddingPart;

  const steps: readonly MemoryStep[] = [
    {
      name: "forward passes",
      weights: (loadingFactor + (manner.ahead ? 1 : 0)) * layer,
      rest: base + batch + waiting + passing,
    },
    {
      name: "scoring",
      weights: weights.unembedding + lastPart,
      rest: base + scoring + waiting + stream(validation),
    },
    {
      // A decided layer is loaded while its trial still holds the layer, and perhaps the next one is there.
      name: "search",
      weights: weights.unembedding + judged + (1 + loadingFactor + (manner.ahead ? 1 : 0)) * layer,
      rest:
        base +
        batch +
        scoring +
        waiting +
        (trialStreams + extras.thresholds) * stream(validation) +
        productBytes(sizes, extras.thresholds),
    },
    {
      name: "original",
      weights: Math.max(
        weights.unembedding + lastPart,
        (loadingFactor + (manner.ahead ? 1 : 0)) * layer,
        extras.loadsCircuits ? loadingFactor * weights.tables : 0,
      ),
      rest: base + batch + passing + logits,
    },
  ];
  // The circuit's answers are taken before the original's, so that the two are never loaded together.
  const circuit: MemoryStep = {
    name: "circuit",
    weights: weights.tables + (extras.formats ? loadingFactor * weights.tables : 0),
    rest: base + logits + 4 * scoredRows * width + retainedLayers * layer,
  };
  const most = {
    weights: Math.max(...steps.map((step) => step.weights)),
    rest: Math.max(...steps.map((step) => step.rest)),
  };
  const peak = Math.max(most.weights + most.rest, circuit.weights + circuit.rest);
  return { steps: [...steps, circuit], ...most, circuit, peak };
}

/** What a layer computes for a batch, and the streams of the batch before it and after it. */
function batchBytes({ tokenElements, heads, width, prompts }: MemorySizes, tokensAtOnce: number): number {
  const tokens = Math.min(Math.max(tokensAtOnce, prompts.longest), prompts.patching + prompts.validation);
  const scores = 2 * heads * prompts.longest;
  return 4 * tokens * (arenaFactor * (tokenElements + scores) + 4 * width);
}

/**
 * The products of a trial's stream with W_1, and what a head's removal takes from them (`head-products.ts`): those of
 * the whole layer and of each threshold's choice, and one that is being computed; for every head the products of its
 * W_O and of its replacement, and the rows that they are computed from. Layers that do without them take less.
 */
function productBytes(
  { heads, headWidth, width, mlpReads, constantRows, prompts }: MemorySizes,
  thresholds: number,
): number {
  const choices = (2 + thresholds) * prompts.validation * mlpReads;
  const removed = heads * (headWidth + constantRows) * (mlpReads + 2 * width);
  return 4 * (choices + removed);
}

/** The constants that replace components, in float64, and the sums that they are made from. */
function replacementBytes({ layers, heads, width, constantRows }: MemorySizes): number {
  return 8 * constantRows * layers * width * (heads + 1 + 2);
}

/** What a spill costs: bytes that are written and read back. */
export interface SpillTraffic {
  /** Bytes that are written. */
  readonly written: number;
  /** Bytes that are read back. */
  readonly read: number;
  /** The most that lie on the disk at once. */
  readonly size: number;
}

/**
 * Every pass writes the stream before each layer and after the last, and reads it again; a trial reads it once more.
 * The passes are those of an extraction: the check of the task, activations, verification, and measuring.
 */
export function spillTraffic({ layers, width, prompts }: MemorySizes): SpillTraffic {
  const { patching, validation, test } = prompts;
  const each = 4 * width;
  const checked = validation + test;
  const passes = checked + (patching + validation) + validation + checked;
  const written = each * (layers + 1) * passes;
  return {
    written,
    read: written + each * layers * validation,
    size: each * ((layers + 1) * validation + 2 * patching),
  };
}
