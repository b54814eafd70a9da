/**
 * Sources of bytes, so that the readers of formats work in the same way on a file, a browser's Blob or memory,
 * and only get the range that they ask for.
 */

/** Bytes that are read when needed, from a file, a Blob or memory. */
export interface ByteSource {
  /** The name in errors: a path, a URL, a file's name. */
  readonly name: string;
  /** How many bytes there are. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, in memory that the caller may keep and change.
   * @throws RangeError when the range does not lie in the source: readers check first.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Fills `target` with the bytes from `offset`, so that they need no memory of their own before. Left out where a source
   * gives its bytes in no other way than `read`.
   * @throws RangeError when the range does not lie in the source.
   */
  readInto?(offset: number, target: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Closes the source. Nothing can be read afterwards. */
  close(): Promise<void>;
}

/** @throws RangeError unless offset and length are whole numbers and the range lies in [0, size). */
export function assertRange(name: string, size: number, offset: number, length: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > size) {
    throw new RangeError(`${name}: [${offset}, ${offset} + ${length}) is outside its ${size} bytes`);
  }
}
