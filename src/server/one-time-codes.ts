/**
 * Codes that open the studio once. A browser is started with the address as an argument, which every user of the
 * machine can read in the list of processes, so the address must not contain the session's token. It contains a
 * code instead, which is invalid after its first use, or after two minutes.
 */
import { createHash, randomBytes } from "node:crypto";

/** Time for a slow start of the browser; milliseconds. */
const lifetime = 120_000;

export interface OneTimeCodes {
  /** 256 bits, as part of a URL. */
  issue(): string;
  /** True once for each code that was issued, within its time. */
  redeem(code: string): boolean;
}

/** @param now a clock in milliseconds. */
export function createOneTimeCodes(now: () => number = () => performance.now()): OneTimeCodes {
  // Stored by their digests, so that the time of a look-up reveals nothing about a code.
  const ends = new Map<string, number>();
  const digest = (code: string) => createHash("sha256").update(code).digest("base64");
  return {
    issue() {
      const code = randomBytes(32).toString("base64url");
      ends.set(digest(code), now() + lifetime);
      return code;
    },
    redeem(code) {
      const key = digest(code);
      const end = ends.get(key);
      ends.delete(key);
      return end !== undefined && now() < end;
    },
  };
}
