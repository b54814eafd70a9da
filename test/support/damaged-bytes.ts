/** Bytes that are damaged at random, and what a reader must do with them: read what is there, or say what is wrong. */
import fc from "fast-check";
import { expect } from "vitest";
import type { ByteSource } from "../../src/checkpoint/byte-source.ts";
import { memorySource } from "../../src/checkpoint/testing.ts";
import { PithError } from "../../src/errors.ts";

/**
 * Memory that fails the test, as no PithError can, when a reader leaves its bounds, asks for nonsense, or reads the
 * same over and over.
 */
export function guardedSource(name: string, bytes: Uint8Array): ByteSource {
  const inner = memorySource(name, bytes);
  let asked = 0;
  return {
    ...inner,
    read: (offset, length) => {
      const inside = offset >= 0 && length >= 0 && offset + length <= bytes.length;
      if (!inside || !Number.isInteger(offset + length)) {
        throw new Error(`read of ${length} at ${offset} outside ${bytes.length} bytes`);
      }
      asked += length;
      if (asked > 3 * bytes.length) throw new Error(`${asked} bytes read of ${bytes.length}`);
      return inner.read(offset, length);
    },
  };
}

/** True when it succeeded, false for a PithError; anything else fails the test. */
async function survives(action: () => Promise<void>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof PithError)) throw error;
    expect(error.message.length).toBeLessThan(2000);
    return false;
  }
}

/** Runs the property and makes sure that it saw both outcomes, or it would prove little. */
export async function fuzz<Input>(
  inputs: fc.Arbitrary<Input>,
  runs: number,
  action: (input: Input) => Promise<void>,
): Promise<void> {
  const outcomes = { loaded: 0, refused: 0 };
  const property = fc.asyncProperty(inputs, async (input) => {
    outcomes[(await survives(() => action(input))) ? "loaded" : "refused"]++;
  });
  await fc.assert(property, { numRuns: runs });
  expect(outcomes.loaded).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(runs / 10);
}

/** Flips, inserts, removes or overwrites a few bytes, or cuts the end off. */
export function damagedBytes(bytes: Uint8Array, within: number): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(within - 1);
  const edit = fc.oneof(
    fc.record({ kind: fc.constant("flip" as const), at: place, bit: fc.nat(7) }),
    fc.record({
      kind: fc.constant("set" as const),
      at: place,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    fc.record({
      kind: fc.constant("insert" as const),
      at: place,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    fc.record({ kind: fc.constant("remove" as const), at: place, length: fc.integer({ min: 1, max: 16 }) }),
    fc.record({ kind: fc.constant("truncate" as const), at: fc.nat(bytes.length - 1) }),
  );
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    let result = [...bytes];
    for (const one of edits) {
      if (one.at >= result.length) continue;
      if (one.kind === "flip") result[one.at] = (result[one.at] ?? 0) ^ (1 << one.bit);
      else if (one.kind === "set") result.splice(one.at, one.bytes.length, ...one.bytes);
      else if (one.kind === "insert") result.splice(one.at, 0, ...one.bytes);
      else if (one.kind === "remove") result.splice(one.at, one.length);
      else result = result.slice(0, one.at);
    }
    return Uint8Array.from(result);
  });
}
