/** Runs a graph over rows of the residual stream, some at a time, which limits how many logits there are at once. */
import { joinFloats } from "../../join-floats.ts";
import type { Graph } from "../../onnx/graph.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../../runtime/runtime.ts";
import type { AnswerRow } from "./gated-prompt.ts";
import type { SessionShelf } from "./session-shelf.ts";

/** Rows that go through a graph in one run. */
const rowsPerRun = 256;

/** A graph whose input x is rows [batch, d]. */
interface RowGraph<Name extends string> {
  /** Names the graph among all of the shelf. */
  readonly key: string;
  readonly graph: () => Graph;
  /** Which float32 outputs are read. */
  readonly outputs: readonly Name[];
}

interface RowStreams {
  readonly rows: readonly AnswerRow[];
  /** [rows, d]. */
  readonly streams: Float32Array<ArrayBuffer>;
}

/** @param feedsOf gives the inputs beside x of some rows, which begin at `start`. @returns the outputs of all rows. */
export type RunRows = <Name extends string>(
  graph: RowGraph<Name>,
  taken: RowStreams,
  feedsOf: (rows: readonly AnswerRow[], start: number) => Record<string, HostTensor>,
) => Promise<Record<Name, Float32Array<ArrayBuffer>>>;

export function createRunRows(runtime: Runtime, shelf: SessionShelf, width: number): RunRows {
  return ({ key, graph, outputs }, { rows, streams }, feedsOf) =>
    shelf.use(key, graph, async (session) => {
      const parts: Readonly<Record<string, DeviceTensor>>[] = [];
      for (let start = 0; start < rows.length; start += rowsPerRun) {
        const some = rows.slice(start, start + rowsPerRun);
        const x = streams.slice(start * width, (start + some.length) * width);
        parts.push(await session.run({ x: floatFeed([some.length, width], x), ...feedsOf(some, start) }));
      }
      return joinParts(runtime, outputs, parts);
    });
}

export function floatFeed(shape: readonly number[], data: Float32Array<ArrayBuffer>): HostTensor {
  return { type: "float32", shape, data };
}

/** Reads what runs gave, one part after another, and releases it. */
async function joinParts<Name extends string>(
  runtime: Runtime,
  outputs: readonly Name[],
  parts: readonly Readonly<Record<string, DeviceTensor>>[],
): Promise<Record<Name, Float32Array<ArrayBuffer>>> {
  const joined = {} as Record<Name, Float32Array<ArrayBuffer>>;
  for (const name of outputs) {
    const values: Float32Array[] = [];
    for (const part of parts) {
      const output = part[name];
      if (output === undefined) throw new TypeError(`a loss lacks its output ${name}`);
      values.push(await runtime.readFloats(output));
    }
    joined[name] = joinFloats(values);
  }
  await runtime.release(...parts.flatMap((part) => Object.values(part)));
  return joined;
}
