import { describe, expect, test } from "vitest";
import { foreignModel } from "./foreign-model.ts";

describe("what is given for a model", () => {
  test.each([
    [["config.json", "circuit.json", "onnx"], "holds a circuit that Pith made", "`pith run`"],
    [["adapter_config.json", "adapter_model.safetensors"], "holds a PEFT (LoRA) adapter", "merge_and_unload"],
    [["config.json", "pytorch_model.bin"], "has its weights in pytorch_model.bin only", "safe_serialization"],
    [["config.json", "ckpt.pt"], "has its weights in ckpt.pt only", "load_state_dict"],
    [["weights.npz"], "has its weights in weights.npz only", "safetensors.numpy.save_file"],
    [["m.Q4_K_M.gguf"], "llama.cpp's format", "that file itself"],
    [["tf_model.h5"], "TensorFlow's or Flax's", "from_tf"],
    [["pytorch_model.safetensors"], "safetensors under another name", "Rename"],
  ])("%j", (names, fault, advice) => {
    expect(foreignModel(names)?.fault).toContain(fault);
    expect(foreignModel(names)?.advice).toContain(advice);
  });

  test("is not known where there is nothing of these", () => {
    expect(foreignModel(["config.json", "vocab.json", "README.md"])).toBeUndefined();
  });
});
