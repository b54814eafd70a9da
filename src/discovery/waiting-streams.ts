/**
 * Residual streams that wait for their turn: in the engine, or, where memory is bounded and they do not fit, in a file.
 * The values are the same bits either way.
 */
import type { DeviceTensor, Runtime } from "../runtime/runtime.ts";

/** A stream that waits. Whoever has it drops it. */
export type WaitingStream =
  | { readonly kind: "held"; readonly tensor: DeviceTensor }
  | { readonly kind: "stored"; readonly shape: readonly number[]; readonly place: number };

/** Lets a tensor wait; it is taken over. */
export async function keepStream(runtime: Runtime, tensor: DeviceTensor): Promise<WaitingStream> {
  const file = runtime.room?.streams;
  if (file === undefined) return { kind: "held", tensor };
  const place = await file.write(await runtime.readFloats(tensor));
  await runtime.release(tensor);
  return { kind: "stored", shape: tensor.shape, place };
}

/** The stream as a tensor. The caller gives it back with `closeStream`, and the stream waits on. */
export async function openStream(runtime: Runtime, stream: WaitingStream): Promise<DeviceTensor> {
  if (stream.kind === "held") return stream.tensor;
  const file = runtime.room?.streams;
  if (file === undefined) throw new RangeError("a stored stream without its file");
  return runtime.upload({ type: "float32", shape: stream.shape, data: await file.read(stream.place) });
}

export async function closeStream(
  runtime: Runtime,
  stream: WaitingStream,
  tensor: DeviceTensor,
): Promise<void> {
  if (stream.kind === "stored") await runtime.release(tensor);
}

/** All streams as tensors: of the last ones, which wait no longer. */
export async function takeStreams(
  runtime: Runtime,
  streams: readonly WaitingStream[],
): Promise<readonly DeviceTensor[]> {
  const tensors: DeviceTensor[] = [];
  for (const stream of streams) {
    tensors.push(await openStream(runtime, stream));
    if (stream.kind === "stored") runtime.room?.streams?.free(stream.place);
  }
  return tensors;
}

export async function dropStreams(runtime: Runtime, streams: readonly WaitingStream[]): Promise<void> {
  const held: DeviceTensor[] = [];
  for (const stream of streams) {
    if (stream.kind === "held") held.push(stream.tensor);
    else runtime.room?.streams?.free(stream.place);
  }
  await runtime.release(...held);
}
