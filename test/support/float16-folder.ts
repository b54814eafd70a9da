/** A GGUF model as a Hugging Face folder whose weights are narrowed to float16, as the references on SmolLM2 were made. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint } from "../../src/architectures/open-checkpoint.ts";
import { writeSafetensorsFile } from "../../src/checkpoint/write-safetensors-file.ts";
import { toFloat16 } from "../../src/export/dtype-numbers.ts";
import { loadGgufTokenizer } from "../../src/tokenizer/load-tokenizer.ts";

/** @param folder empty. */
export async function writeFloat16Folder(gguf: string, folder: string): Promise<void> {
  const checkpoint = await openCheckpoint(gguf);
  try {
    const tensors = [...checkpoint.weights.values()].map(({ name, shape, read }) => ({
      ...{ name, shape, dtype: "F16" as const },
      read: async () => toFloat16(await read(), name),
    }));
    await writeSafetensorsFile(join(folder, "model.safetensors"), tensors);
    const tokenizer = await loadGgufTokenizer(checkpoint.metadata ?? new Map(), gguf);
    const files = { ...tokenizer.files, "config.json": checkpoint.rawConfig };
    for (const [name, value] of Object.entries(files))
      await writeFile(join(folder, name), JSON.stringify(value));
  } finally {
    await checkpoint.close();
  }
}
