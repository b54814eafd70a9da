/**
 * Recognises models that Pith does not read by the names of their files: it says what they are, and how to
 * convert them to a model that Pith reads. It looks only at names, never at the content of files.
 */

export interface ForeignModel {
  /** As a predicate of the folder: "holds a PEFT adapter, not a whole model". */
  readonly fault: string;
  readonly advice: string;
}

const SAVE = "model.save_pretrained(DIR, safe_serialization=True)";

const FORMATS: readonly (readonly [pattern: RegExp, what: string, advice: string])[] = [
  [
    /\.(?:bin|pt|pth|ckpt)$/i,
    "a format that can run code",
    `Convert it to safetensors first, in Python: ${SAVE}. A bare state dict (torch.save of a model's weights) goes into the model by model.load_state_dict first.`,
  ],
  [
    /\.npz$|\.npy$/i,
    "NumPy's format",
    "Write the arrays with safetensors.numpy.save_file under the names of the Hugging Face model, beside its config.json.",
  ],
  [
    /\.gguf$/i,
    "llama.cpp's format",
    "Give the path of that file itself as the model; from the hub, download it first.",
  ],
  [
    /\.h5$|\.msgpack$|\.ckpt\.index$/i,
    "TensorFlow's or Flax's format",
    `In Python: AutoModelForCausalLM.from_pretrained(DIR, from_tf=True or from_flax=True), then ${SAVE}.`,
  ],
  [
    /\.onnx$/i,
    "ONNX, which holds a graph and no named weights",
    "Take the Hugging Face model that it was exported from.",
  ],
  [
    /^(?!model(?:-\d+-of-\d+)?\.safetensors$).*\.safetensors$/i,
    "safetensors under another name",
    "Rename it to model.safetensors if it holds the whole model.",
  ],
];

/** @param names the files of a folder or repository that has no weights in Pith's format, or no config.json. */
export function foreignModel(names: readonly string[]): ForeignModel | undefined {
  if (names.includes("circuit.json")) {
    return {
      fault: "holds a circuit that Pith made, not the model that it was cut from",
      advice:
        "`pith run`, `eval` and `inspect` take it as it is; a model is the folder with the original's weights.",
    };
  }
  if (names.includes("adapter_config.json")) {
    return {
      fault: "holds a PEFT (LoRA) adapter, not a whole model",
      advice:
        "Merge it first, in Python: AutoPeftModelForCausalLM.from_pretrained(DIR).merge_and_unload().save_pretrained(OUT).",
    };
  }
  for (const [pattern, what, advice] of FORMATS) {
    const found = names.find((name) => pattern.test(name));
    if (found !== undefined) return { fault: `has its weights in ${found} only, ${what}`, advice };
  }
  return undefined;
}
