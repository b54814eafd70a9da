/** The true shapes of models that people have, for benchmarks with seeded random weights. Embeddings are tied in all. */
export interface ModelSize {
  /** Whose parts it has: LayerNorm and GELU, or RMS norms, rotary positions and a gated MLP. */
  readonly family: "gpt2" | "llama";
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly width: number;
  readonly mlpWidth: number;
  readonly vocabulary: number;
  readonly context: number;
}

export const gpt2Small = gpt2(12, 12);

export const modelSizes = {
  gpt2: gpt2Small,
  "gpt2-large": gpt2(36, 20),
  smollm2: llama({
    ...{ layers: 30, heads: 9, keyValueHeads: 3, headWidth: 64, width: 576, mlpWidth: 1536 },
    ...{ vocabulary: 49_152, context: 8192 },
  }),
  "llama-1b": llama({
    ...{ layers: 16, heads: 32, keyValueHeads: 8, headWidth: 64, width: 2048, mlpWidth: 8192 },
    ...{ vocabulary: 128_256, context: 131_072 },
  }),
} as const satisfies Readonly<Record<string, ModelSize>>;

function gpt2(layers: number, heads: number): ModelSize {
  const width = 64 * heads;
  return {
    ...{ family: "gpt2", layers, heads, keyValueHeads: heads, headWidth: 64, width, mlpWidth: 4 * width },
    ...{ vocabulary: 50_257, context: 1024 },
  };
}

function llama(size: Omit<ModelSize, "family">): ModelSize {
  return { family: "llama", ...size };
}
