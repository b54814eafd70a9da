/**
 * SHA-256 for places without Node's. A browser offers its own (`crypto.subtle`) only to pages from https or from
 * the same machine, and a shared site may lie on any host.
 */
import { sha256 } from "@noble/hashes/sha2";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils";

/** The name, size and checksum of a file. */
export interface FileRecord {
  /** The path relative to its folder. */
  readonly name: string;
  readonly bytes: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** The record of a file with this text, as UTF-8. */
export function textRecord(name: string, text: string): FileRecord {
  const bytes = utf8ToBytes(text);
  return { name, bytes: bytes.length, sha256: bytesToHex(sha256(bytes)) };
}

/** SHA-256 of bytes that arrive in parts. */
export interface RunningHash {
  add(part: Uint8Array): void;
  /** 64 lower-case hexadecimal digits. Nothing may be added afterwards. */
  digest(): string;
}

export function runningHash(): RunningHash {
  const hash = sha256.create();
  return {
    add: (part) => {
      hash.update(part);
    },
    digest: () => bytesToHex(hash.digest()),
  };
}

/**
 * The checksum of a JSON object, without its own `checksum`: SHA-256 of its members in their order, as
 * `JSON.stringify` writes them. White space does not count, so a file that was indented differently keeps its
 * checksum.
 */
export function checksumOf({ checksum: _, ...members }: Readonly<Record<string, unknown>>): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(members))));
}
