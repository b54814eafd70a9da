/**
 * Streams weights into a safetensors file (Node), with one tensor in memory at a time. The file is flushed to the
 * disk at the end.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { fileError } from "../files/file-error.ts";
import { elementCount } from "../transformer/weight.ts";
import { planSafetensors, type SafetensorsPlan, type TensorToWrite } from "./safetensors-writer.ts";

/** Limits how long an abort waits. */
const WRITE_BYTES = 16 * 2 ** 20;

/** A tensor whose values are read when it is written; a `Weight` is one. */
export interface TensorToStore extends TensorToWrite {
  read(): Promise<ArrayBufferView<ArrayBuffer>>;
  /** Reads some rows as `read` gives them; a large tensor is copied by parts where it can be. */
  readRows?(start: number, end: number): Promise<ArrayBufferView<ArrayBuffer>>;
}

/** Elements of a tensor that are copied at once, where it is read by rows. */
const ELEMENTS_AT_ONCE = 2 ** 22;

export interface WriteOptions {
  /** Text for the header's `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called after each tensor with the bytes written so far, and the total. */
  readonly onProgress?: (written: number, total: number) => void;
}

/**
 * Writes a new file and flushes it to the disk. If it fails or is aborted, no file is left.
 * @returns the layout, with each tensor's offset.
 * @throws PithError "output" when the file exists, can't be made, or the disk is full.
 */
export async function writeSafetensorsFile(
  path: string,
  weights: readonly TensorToStore[],
  options: WriteOptions = {},
): Promise<SafetensorsPlan> {
  const plan = planSafetensors(weights, options.metadata);
  let handle: FileHandle;
  try {
    handle = await open(path, "wx");
  } catch (error) {
    throw fileError("output", path, error);
  }
  try {
    try {
      await writeSafetensors(handle, path, plan, weights, options);
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return plan;
}

/** Writes `plan` and its weights from the start of an open file. @internal */
export async function writeSafetensors(
  handle: Pick<FileHandle, "write" | "sync">,
  path: string,
  plan: SafetensorsPlan,
  weights: readonly TensorToStore[],
  options: WriteOptions = {},
): Promise<void> {
  let position = 0;
  const write = async (bytes: Uint8Array<ArrayBuffer>) => {
    for (let done = 0; done < bytes.length; ) {
      options.signal?.throwIfAborted();
      const length = Math.min(bytes.length - done, WRITE_BYTES);
      const { bytesWritten } = await onDisk(path, plan, () => handle.write(bytes, done, length, position));
      done += bytesWritten;
      position += bytesWritten;
    }
    options.onProgress?.(position, plan.totalBytes);
  };
  await write(plan.header);
  for (const [index, weight] of weights.entries()) {
    const begin = position;
    const expected = plan.entries[index]?.byteLength ?? 0;
    const check = (bytes: number) => {
      if (bytes === expected) return;
      throw new Error(`${weight.name}: read ${bytes} bytes where its shape has ${expected}`);
    };
    for await (const values of partsOf(weight)) {
      // Nothing may be written beyond the tensor's own place.
      if (position - begin + values.byteLength > expected) check(position - begin + values.byteLength);
      await write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    check(position - begin);
  }
  await onDisk(path, plan, () => handle.sync());
}

/** A tensor's values, by parts of some rows if it is large and can be read so. */
async function* partsOf(weight: TensorToStore): AsyncGenerator<ArrayBufferView<ArrayBuffer>, void> {
  const [rows = 1, ...rest] = weight.shape;
  const each = elementCount(rest);
  if (weight.readRows === undefined || rows * each <= ELEMENTS_AT_ONCE) {
    yield await weight.read();
    return;
  }
  const step = Math.max(1, Math.floor(ELEMENTS_AT_ONCE / Math.max(1, each)));
  for (let row = 0; row < rows; row += step) yield await weight.readRows(row, Math.min(rows, row + step));
}

async function onDisk<Result>(
  path: string,
  plan: SafetensorsPlan,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw fileError("output", path, error, plan.totalBytes);
  }
}
