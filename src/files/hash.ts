/** Checksums of files (Node). circuit.json records them, so that a circuit's source can be identified. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { PithErrorCode } from "../errors.ts";
import { fileError } from "./file-error.ts";

/**
 * SHA-256 of a file as 64 lower-case hexadecimal digits, streamed.
 * @param code of the PithError when the file can't be read: it says what kind of input the file is.
 */
export async function hashFile(
  path: string,
  options: { readonly signal?: AbortSignal; readonly code?: PithErrorCode } = {},
): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash, {
      ...(options.signal && { signal: options.signal }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw fileError(options.code ?? "checkpoint", path, error);
  }
  return hash.digest("hex");
}
