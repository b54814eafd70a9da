/** The layout of a shipped folder: its files and their names, which are the ones that other tools look for. */
import type { Dtype } from "./dtype.ts";

/** The names in a shipped folder: those that other tools look for. */
export const folderLayout = {
  config: "config.json",
  generationConfig: "generation_config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  card: "README.md",
  circuit: "circuit.json",
  modelFolder: "onnx",
  model: "model.onnx",
  /** A safetensors container; the ONNX graph refers to it. */
  weights: "model.onnx_data",
} as const;

/**
 * transformers.js's names for number formats: the value of its `dtype` option, and the ending of the file's name.
 */
export const transformersJsNames: Readonly<
  Record<Dtype, { readonly dtype: string; readonly suffix: string }>
> = {
  f32: { dtype: "fp32", suffix: "" },
  f16: { dtype: "fp16", suffix: "_fp16" },
  int8: { dtype: "q8", suffix: "_quantized" },
  int4: { dtype: "q4", suffix: "_q4" },
};

/**
 * The model's two files, inside the model folder.
 * @param beside the number format, for a model that lies beside the folder's main one. The main one has names
 * without a suffix.
 */
export function modelFiles(beside: Dtype = "f32"): { readonly model: string; readonly weights: string } {
  const model = `model${transformersJsNames[beside].suffix}.onnx`;
  return { model, weights: `${model}_data` };
}

/** The paths of all files that a shipped folder may hold beside circuit.json and the card. */
export function shippedFiles(): readonly string[] {
  const { config, generationConfig, tokenizer, tokenizerConfig, modelFolder } = folderLayout;
  const models = (Object.keys(transformersJsNames) as Dtype[]).flatMap((dtype) =>
    Object.values(modelFiles(dtype)),
  );
  return [
    ...[config, generationConfig, ...models.map((name) => `${modelFolder}/${name}`).sort()],
    ...[tokenizer, tokenizerConfig],
  ];
}
