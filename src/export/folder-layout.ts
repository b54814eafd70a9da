/** The names in a shipped folder, which are those that other people's tools look for. */
export const folderLayout = {
  config: "config.json",
  generationConfig: "generation_config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  card: "README.md",
  circuit: "circuit.json",
  modelFolder: "onnx",
  model: "model.onnx",
  /** A safetensors container; the ONNX graph points into it. */
  weights: "model.onnx_data",
} as const;
