/** Writes a graph as the two files that are shipped of it, without the rest of the folder. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { planSafetensors } from "../src/checkpoint/safetensors-writer.ts";
import { writeSafetensorsFile } from "../src/checkpoint/write-safetensors-file.ts";
import { folderLayout as names } from "../src/export/folder-layout.ts";
import { tensorsToStore } from "../src/export/stored-weights.ts";
import { encodeGraph } from "../src/onnx/encode-graph.ts";
import type { Graph } from "../src/onnx/graph.ts";

export interface ShippedGraphFiles {
  readonly modelPath: string;
  /** The size of both files. */
  readonly bytes: number;
}

export async function shipGraph(graph: Graph, folder: string): Promise<ShippedGraphFiles> {
  await mkdir(folder, { recursive: true });
  const weights = tensorsToStore(graph);
  const plan = planSafetensors(weights, {});
  const places = new Map(plan.entries.map((entry) => [entry.name, entry]));
  const model = encodeGraph(graph, (name) => {
    const place = places.get(name);
    if (place === undefined) throw new RangeError(`the weights lack ${name}`);
    return { location: names.weights, offset: place.offset, byteLength: place.byteLength };
  });
  const modelPath = join(folder, names.model);
  await writeFile(modelPath, model);
  await writeSafetensorsFile(join(folder, names.weights), weights, { metadata: {} });
  return { modelPath, bytes: model.length + plan.totalBytes };
}
