/** Compares the numbers of two stored weights, with one piece of each in memory at a time. */
import type { CheckpointWeight } from "./shards.ts";

/** Ends at the first pair of pieces that differ. Both must have the same number of elements. */
export async function sameValues(one: CheckpointWeight, other: CheckpointWeight): Promise<boolean> {
  const others = partsOf(other);
  try {
    for await (const values of partsOf(one)) {
      const next = await others.next();
      const rest = next.value;
      if (rest === undefined || !values.every((value, at) => value === rest[at])) return false;
    }
    return true;
  } finally {
    await others.return();
  }
}

async function* partsOf(weight: CheckpointWeight): AsyncGenerator<Float32Array<ArrayBuffer>, void> {
  if (weight.parts === undefined) yield await weight.read();
  else yield* weight.parts();
}
