/** Reads a shipped folder's graph; its weights are read when they are needed (Node). */
import { basename, dirname, join } from "node:path";
import type { ByteSource } from "../checkpoint/byte-source.ts";
import { openFileSource } from "../checkpoint/file-source.ts";
import { PithError } from "../errors.ts";
import { readInput } from "../files/read-input.ts";
import { decodeGraph } from "../onnx/decode-graph.ts";
import type { ElementType, Graph, Shape, WeightData } from "../onnx/graph.ts";
import { quote } from "../printable.ts";

export interface GraphFile {
  readonly graph: Graph;
  close(): Promise<void>;
}

/**
 * @param modelPath onnx/model.onnx; its weights are in one file beside it.
 * @throws PithError "circuit" for a file that Pith did not write, or that is incomplete.
 */
export async function openGraph(modelPath: string): Promise<GraphFile> {
  const bytes = await readInput(modelPath, { code: "circuit", most: LARGEST_GRAPH, what: "a graph" });
  const weights = `${basename(modelPath)}_data`;
  let source: ByteSource | undefined;
  const graph = decodeGraph(bytes, modelPath, async ({ location, offset, byteLength }, value) => {
    const { name, type, shape } = value;
    const place = { file: modelPath, tensor: name };
    // Any other name could lead out of the folder.
    if (location !== weights) {
      throw new PithError("circuit", `lies in ${quote(location)}, and not in ${weights} beside it`, {
        place,
      });
    }
    const wanted = bytesOf(type, shape);
    if (byteLength !== wanted || offset < 0) {
      throw new PithError("circuit", `has ${byteLength} bytes at ${offset}, but needs ${wanted}`, { place });
    }
    source ??= await openFileSource(join(dirname(modelPath), weights));
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

/** Large tensors are stored outside the graph; protocol buffers are limited to twice this size. */
const LARGEST_GRAPH = 2 ** 30;

function bytesOf(type: ElementType, shape: Shape): number {
  const elements = shape.reduce<number>((product, size) => product * Number(size), 1);
  switch (type) {
    case "int4":
      return elements / 2;
    case "int8":
      return elements;
    case "float16":
      return 2 * elements;
    default:
      return 4 * elements;
  }
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
