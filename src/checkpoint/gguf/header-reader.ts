/**
 * Reads a GGUF header from its start on, a piece of the file at a time, and makes nothing for a length or a count that
 * the rest of the file could not hold.
 */
import { PithError } from "../../errors.ts";
import type { ByteSource } from "../byte-source.ts";

export interface HeaderReader {
  /** Bytes read so far. */
  position(): number;
  /** In memory of their own. @param what for errors: "the start". */
  bytes(length: number, what: string): Promise<Uint8Array<ArrayBuffer>>;
  uint32(what: string): Promise<number>;
  /** @throws PithError also for one beyond exact integers. */
  uint64(what: string): Promise<number>;
  /** A number of things, each of which takes at least so many bytes of what is left. */
  count(what: string, leastBytes: number): Promise<number>;
  /** UTF-8, after its length. */
  text(what: string): Promise<string>;
  fault(message: string): PithError;
}

/** In bytes. The vocabularies that there are, with their merges, take some 20 MB. */
const largestHeader = 256 * 2 ** 20;
const pieceBytes = 2 ** 20;

export function createReader(source: ByteSource): HeaderReader {
  const limit = Math.min(source.size, largestHeader);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let piece = new Uint8Array(0);
  let pieceStart = 0;
  let at = 0;

  const fault = (message: string) => new PithError("checkpoint", message, { place: { file: source.name } });
  const require = (length: number, what: string) => {
    if (length <= limit - at) return;
    const left = limit < source.size ? `a header has at most ${largestHeader}` : `${limit - at} are left`;
    throw new PithError("checkpoint", `${what} takes ${length} bytes, but ${left}`, {
      place: { file: source.name },
      advice: "The file is damaged, cut off, or not a GGUF file.",
    });
  };
  /** A view of the next bytes, which holds until the next call. */
  const view = async (length: number, what: string) => {
    require(length, what);
    if (at + length > pieceStart + piece.length) {
      piece = await source.read(at, Math.min(limit - at, Math.max(length, pieceBytes)));
      pieceStart = at;
    }
    const start = at - pieceStart;
    at += length;
    return new DataView(piece.buffer, piece.byteOffset + start, length);
  };
  const uint64 = async (what: string) => {
    const value = (await view(8, what)).getBigUint64(0, true);
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw fault(`${what} is ${value}, which is too large to be true`);
  };

  return {
    position: () => at,
    fault,
    uint64,
    uint32: async (what) => (await view(4, what)).getUint32(0, true),
    bytes: async (length, what) => {
      const { buffer, byteOffset } = await view(length, what);
      return new Uint8Array(buffer.slice(byteOffset, byteOffset + length));
    },
    count: async (what, leastBytes) => {
      const count = await uint64(`the number of ${what}`);
      require(count * leastBytes, `${count} ${what}`);
      return count;
    },
    text: async (what) => {
      const length = await uint64(`the length of ${what}`);
      const bytes = await view(length, what);
      try {
        return decoder.decode(bytes);
      } catch {
        throw fault(`${what} is not UTF-8 text`);
      }
    },
  };
}
