/** A file as a `ByteSource` (Node): one handle, reads at given positions, no buffer. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { PithError } from "../errors.ts";
import { errorCode, fileError } from "../files/file-error.ts";
import { assertRange, type ByteSource } from "./byte-source.ts";

/** Linux reads at most 2 GiB − 4 KiB a call. */
const LARGEST_READ = 2 ** 30;

/**
 * Opens a regular file; symbolic links are followed, because the hub's cache consists of them.
 * @throws PithError "checkpoint" when it is missing, is not a regular file, or can't be read.
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  // Checked before open(): opening a named pipe would wait for a writer.
  await requireRegularFile(path);
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw fileError("checkpoint", path, error);
  }
  const { size } = await handle.stat();
  return {
    name: path,
    size,
    read: async (offset, length) => {
      assertRange(path, size, offset, length);
      const bytes = new Uint8Array(length);
      await readFully(handle, path, offset, bytes);
      return bytes;
    },
    readInto: async (offset, target) => {
      assertRange(path, size, offset, target.length);
      await readFully(handle, path, offset, target);
    },
    close: () => handle.close(),
  };
}

async function requireRegularFile(path: string): Promise<void> {
  let stats: Awaited<ReturnType<typeof stat>>;
  try {
    stats = await stat(path);
  } catch (error) {
    throw fileError("checkpoint", path, error);
  }
  if (!stats.isFile()) {
    const what = stats.isDirectory() ? "is a folder, not a file" : "is not a regular file";
    throw new PithError("checkpoint", what, { place: { file: path } });
  }
}

/** One read may give fewer bytes than requested, so it is repeated until all are read. */
async function readFully(
  handle: FileHandle,
  path: string,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { length } = bytes;
  let done = 0;
  while (done < length) {
    let bytesRead: number;
    try {
      const wanted = Math.min(length - done, LARGEST_READ);
      ({ bytesRead } = await handle.read(bytes, done, wanted, offset + done));
    } catch (error) {
      // Reading after close() is a bug in the program, not a fault of the file.
      if (errorCode(error) === "EBADF") throw error;
      throw fileError("checkpoint", path, error);
    }
    if (bytesRead === 0) {
      throw new PithError("checkpoint", "became shorter while it was being read", { place: { file: path } });
    }
    done += bytesRead;
  }
}
