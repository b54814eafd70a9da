/** The residual streams before the layers that are still to be tried, each until its last trial has ended. */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import { closeStream, dropStreams, openStream, type WaitingStream } from "../waiting-streams.ts";

interface StreamsBelow {
  /** @throws RangeError if the layer's trials have ended. */
  require(layer: number): void;
  /**
   * The stream before a layer, of each batch, for one more trial. The trial calls `release` at its end.
   * @throws RangeError if the layer's trials have ended.
   */
  open(layer: number): Promise<{ readonly tensors: readonly DeviceTensor[]; release(): Promise<void> }>;
  drop(layer: number): Promise<void>;
  dropAll(): Promise<void>;
}

/** @param streams the stream before each layer, [layers][batches]; they are dropped here. */
export function streamsBelow(runtime: Runtime, streams: readonly (readonly WaitingStream[])[]): StreamsBelow {
  const below = new Map(
    streams.map((own, layer): [number, Waiting] => [layer, { streams: own, tensors: undefined, trials: 0 }]),
  );
  const take = (layer: number): Waiting => {
    const waiting = below.get(layer);
    if (waiting === undefined) throw new RangeError(`layer ${layer} has been tried`);
    return waiting;
  };
  const drop = async (layer: number) => {
    const waiting = below.get(layer);
    below.delete(layer);
    if (waiting === undefined) return;
    const tensors = (await waiting.tensors) ?? [];
    for (const [index, stream] of waiting.streams.entries()) {
      const tensor = tensors[index];
      if (tensor !== undefined) await closeStream(runtime, stream, tensor);
    }
    await dropStreams(runtime, waiting.streams);
  };
  return {
    require: take,
    async open(layer) {
      const waiting = take(layer);
      waiting.trials++;
      waiting.tensors ??= openAll(runtime, waiting.streams);
      return {
        tensors: await waiting.tensors,
        async release() {
          waiting.trials--;
          if (waiting.trials === 0) await drop(layer);
        },
      };
    },
    drop,
    async dropAll() {
      for (const layer of [...below.keys()]) await drop(layer);
    },
  };
}

interface Waiting {
  readonly streams: readonly WaitingStream[];
  /** For all trials of the layer. */
  tensors: Promise<readonly DeviceTensor[]> | undefined;
  trials: number;
}

async function openAll(
  runtime: Runtime,
  streams: readonly WaitingStream[],
): Promise<readonly DeviceTensor[]> {
  const tensors: DeviceTensor[] = [];
  for (const stream of streams) tensors.push(await openStream(runtime, stream));
  return tensors;
}
