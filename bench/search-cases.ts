/** What `npm run bench -- search` searches: shapes, prompts, the circuit that is found, and the bars. */
import { type ModelSize, modelSizes } from "./model-sizes.ts";
import type { Pieces } from "./plain-forward.ts";
import type { StoredDtype } from "./random-model.ts";

export interface SearchCase {
  readonly name: string;
  readonly size: ModelSize;
  readonly dtype: StoredDtype;
  /** Kept heads by layer, lowest first; the kept ones are a layer's first. */
  readonly headsByLayer: readonly number[];
  readonly mlps: readonly number[];
  /** Components of lower layers are not tried: a bound on a long search. */
  readonly lowest: number;
  readonly patching: number;
  readonly validation: number;
  readonly length: number;
  /** Of plain forwards, where the model is not loaded whole. */
  readonly pieces?: Pieces;
  /** How often plain forwards are timed before the search, and again after it. */
  readonly forwardRuns: number;
  readonly bars: {
    readonly issued?: number;
    readonly ceiling?: number;
    readonly last?: number;
    readonly all?: number;
    readonly memory?: number;
  };
}

/** `count` zeros, and some ones. */
function ones(count: number, layers: readonly number[]): readonly number[] {
  return Array.from({ length: count }, (_, layer) => Number(layers.includes(layer)));
}

export const searchCases = {
  gpt2: {
    ...{ name: "GPT-2 small", size: modelSizes.gpt2, dtype: "F32", lowest: 0 },
    headsByLayer: [2, 0, 1, 1, 1, 2, 1, 2, 2, 4, 6, 1],
    mlps: [0, 1, 9, 10],
    ...{ patching: 150, validation: 150, length: 15, forwardRuns: 5 },
    bars: { issued: 1.1, ceiling: 0.75, last: 4.8, all: 7.2, memory: 2.5 },
  },
  smollm2: {
    ...{ name: "SmolLM2-135M", size: modelSizes.smollm2, dtype: "F32", lowest: 0 },
    headsByLayer: ones(30, [8, 12, 17, 20, 22, 24, 26, 29]),
    mlps: [0, 1, 2, 11, 20, 21, 22, 23, 24, 25, 26, 27, 28],
    ...{ patching: 60, validation: 60, length: 15, forwardRuns: 5 },
    bars: { issued: 1.15, ceiling: 0.6 },
  },
  "llama-1b": {
    ...{ name: "Llama-3.2-1B", size: modelSizes["llama-1b"], dtype: "BF16", lowest: 12 },
    headsByLayer: ones(16, [12, 13, 14, 15]),
    mlps: [13, 14],
    ...{ patching: 40, validation: 40, length: 15, forwardRuns: 1 },
    pieces: { layers: 2, vocabulary: 32_064 },
    bars: { issued: 1.15, ceiling: 0.6, memory: 1 },
  },
} as const satisfies Readonly<Record<string, SearchCase>>;
