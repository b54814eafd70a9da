/**
 * Where bytes are read from, so that the format readers work on a file, a browser's Blob or memory alike
 * and never see more than the range they asked for.
 */

/** Bytes that are read where they are needed: of a file, a Blob, memory. */
export interface ByteSource {
  /** What errors call it: a path, a URL, a file's name. */
  readonly name: string;
  /** How many bytes there are. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, in memory that the caller may keep and change.
   * @throws RangeError when the range does not lie in the source: readers check first.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Lets go of it. Nothing can be read afterwards. */
  close(): Promise<void>;
}

/** @throws RangeError unless offset and length are whole numbers and the range lies in [0, size). */
export function assertRange(name: string, size: number, offset: number, length: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > size) {
    throw new RangeError(`${name}: [${offset}, ${offset} + ${length}) is outside its ${size} bytes`);
  }
}
