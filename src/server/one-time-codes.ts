/**
 * Codes that open the studio once. A browser is started with its address as an argument, which every user of the
 * machine can read in the list of processes; the session's token must not stand there. A code does: it is worth
 * nothing after its first use, or after two minutes.
 */
import { createHash, randomBytes } from "node:crypto";

/** Time for a browser that starts cold; milliseconds. */
const lifetime = 120_000;

export interface OneTimeCodes {
  /** 256 bits, as part of a URL. */
  issue(): string;
  /** True once for each code that was issued, in time. */
  redeem(code: string): boolean;
}

/** @param now a clock in milliseconds. */
export function createOneTimeCodes(now: () => number = () => performance.now()): OneTimeCodes {
  // By their digests: how long a look-up takes says nothing of a code.
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
