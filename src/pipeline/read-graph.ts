/** A shipped folder's graph with its weights, which are read when they are asked for (Node). */
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "../checkpoint/byte-source.ts";
import { openFileSource } from "../checkpoint/file-source.ts";
import { PithError } from "../errors.ts";
import { fileError } from "../files/file-error.ts";
import { decodeGraph } from "../onnx/decode-graph.ts";
import type { ElementType, Graph, WeightData } from "../onnx/graph.ts";

export interface GraphFile {
  readonly graph: Graph;
  close(): Promise<void>;
}

/**
 * @param modelPath onnx/model.onnx; its weights lie in one file beside it.
 * @throws PithError "circuit" for a file that Pith did not write, or that is cut off.
 */
export async function openGraph(modelPath: string): Promise<GraphFile> {
  const bytes = await readFile(modelPath).catch((error) => {
    throw fileError("circuit", modelPath, error);
  });
  let source: ByteSource | undefined;
  const graph = decodeGraph(bytes, modelPath, async ({ location, offset, byteLength }, { name, type }) => {
    // A name with a path in it would lead out of the folder.
    source ??= await openFileSource(join(dirname(modelPath), basename(location)));
    if (offset + byteLength > source.size) {
      throw new PithError("circuit", "is cut off", { place: { file: source.name, tensor: name } });
    }
    return typed((await source.read(offset, byteLength)).buffer, type);
  });
  return {
    graph,
    async close() {
      await source?.close();
    },
  };
}

function typed(buffer: ArrayBuffer, type: ElementType): WeightData {
  switch (type) {
    case "float16":
      return new Uint16Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "int4":
      return new Uint8Array(buffer);
    default:
      return new Float32Array(buffer);
  }
}
