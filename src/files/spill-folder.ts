/**
 * A folder for values that do not fit into memory (Node). It lies beside the output that they are needed for, as
 * `.NAME.spill-PID`, and holds one file, whose places are used again when they are free. It is removed at the end,
 * however the work ends; what a killed process left is removed by the next one that claims the output.
 */
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { PithError } from "../errors.ts";
import { fileError } from "./file-error.ts";
import { makeFolders } from "./make-folders.ts";

interface SpillFolder {
  readonly path: string;
  /** Bytes written and read so far. */
  readonly traffic: () => { readonly written: number; readonly read: number };
  /** @returns the place of the values. @throws PithError "output" when the disk is full. */
  write(values: Float32Array): Promise<number>;
  read(place: number): Promise<Float32Array<ArrayBuffer>>;
  free(place: number): void;
  /** Removes the folder. */
  close(): Promise<void>;
}

/** The folders that this process uses now. */
const inUse = new Set<string>();

export const isSpillInUse = (path: string): boolean => inUse.has(path);

/**
 * @param output the folder that the values are needed for. @param fileIn the path of the file, for tests.
 * @throws PithError "output".
 */
export async function openSpillFolder(
  output: string,
  fileIn: (folder: string) => string = (folder) => join(folder, "streams.f32"),
): Promise<SpillFolder> {
  const target = resolve(output);
  const path = join(dirname(target), `.${basename(target)}.spill-${process.pid}`);
  const file = fileIn(path);
  const handle = await begin(path, file);
  const places = new Map<number, { readonly offset: number; readonly bytes: number }>();
  const unused = new Map<number, number[]>();
  let [end, last, written, read] = [0, 0, 0, 0];

  const takeOffset = (bytes: number): number => {
    const known = unused.get(bytes)?.pop();
    if (known !== undefined) return known;
    end += bytes;
    return end - bytes;
  };
  const found = (place: number) => {
    const known = places.get(place);
    if (known === undefined) throw new RangeError(`no values at place ${place}`);
    return known;
  };
  return {
    path,
    traffic: () => ({ written, read }),
    async write(values) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const offset = takeOffset(bytes.length);
      try {
        for (let at = 0; at < bytes.length; )
          at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      } catch (error) {
        throw fileError("output", file, error, end);
      }
      written += bytes.length;
      places.set(++last, { offset, bytes: bytes.length });
      return last;
    },
    async read(place) {
      const { offset, bytes } = found(place);
      const target = new Uint8Array(bytes);
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await handle
          .read(target, at, bytes - at, offset + at)
          .catch((error: unknown) => {
            throw fileError("output", file, error);
          });
        if (bytesRead === 0)
          throw new PithError("output", "was cut while it was in use", { place: { file } });
        at += bytesRead;
      }
      read += bytes;
      return new Float32Array(target.buffer);
    },
    free(place) {
      const { offset, bytes } = found(place);
      places.delete(place);
      unused.set(bytes, [...(unused.get(bytes) ?? []), offset]);
    },
    async close() {
      if (!inUse.delete(path)) return;
      await handle.close().catch(() => {});
      await rm(path, { recursive: true, force: true });
    },
  };
}

async function begin(path: string, file: string): Promise<FileHandle> {
  inUse.add(path);
  try {
    await makeFolders(dirname(path));
    // A process that had the same number and was killed may have left one.
    await rm(path, { recursive: true, force: true });
    await mkdir(path);
    return await open(file, "w+");
  } catch (error) {
    inUse.delete(path);
    throw fileError("output", path, error);
  }
}
