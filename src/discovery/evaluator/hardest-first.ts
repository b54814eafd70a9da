/**
 * Puts the prompts of a layer's trial in the order in which an early exit wants them: those that the circuit gets most
 * wrong first, since their KL alone may be enough to keep a component.
 */
import type { DeviceTensor, Runtime } from "../../runtime/runtime.ts";
import type { Batch } from "../batch.ts";
import type { TrialPrompts } from "./layer-trial.ts";
import type { Upper } from "./upper.ts";

/** A trial has at least so many batches, if each still has enough tokens. */
const leastBatches = 3;
/** Smaller batches take longer than they save. */
const fewestTokens = 256;

/**
 * Batches anew: of one length each, as before, and no larger. The caller releases the new tensors.
 * @param hardness of each prompt of the set; left out: the prompts are returned as they are, and also if only their last
 * positions are computed, since then they all go together.
 */
export async function hardestFirst(
  runtime: Runtime,
  prompts: TrialPrompts,
  { readsAll }: Pick<Upper, "readsAll">,
  hardness: Float64Array | undefined,
): Promise<TrialPrompts> {
  if (hardness === undefined || !readsAll) return prompts;
  const { batches, residual } = prompts;
  const streams = new Map<number, Float32Array>();
  for (const [index, { members }] of batches.entries()) {
    const tensor = residual[index];
    if (tensor === undefined) throw new RangeError("a batch without a residual stream");
    const values = await runtime.readFloats(tensor);
    const each = values.length / members.length;
    for (const [at, member] of members.entries())
      streams.set(member, values.subarray(at * each, (at + 1) * each));
  }
  const sorted = sortedBatches(batches, hardness);
  const tensors: DeviceTensor[] = [];
  for (const { members, length } of sorted) {
    const parts = members.map((member) => streams.get(member) ?? new Float32Array());
    const size = parts[0]?.length ?? 0;
    const data = new Float32Array(parts.length * size);
    for (const [at, part] of parts.entries()) data.set(part, at * size);
    const shape = [parts.length, length, size / length];
    tensors.push(await runtime.upload({ type: "float32", shape, data }));
  }
  return { batches: sorted, residual: tensors };
}

function sortedBatches(batches: readonly Batch[], hardness: Float64Array): readonly Batch[] {
  const hardnessOf = (prompt: number) => hardness[prompt] ?? 0;
  const lengths = new Set(batches.map(({ length }) => length));
  const sorted = [...lengths].flatMap((length) => {
    const own = batches.filter((batch) => batch.length === length);
    const ids = new Map(own.flatMap((batch) => batch.members.map((member, at) => [member, batch.ids[at]])));
    const members = [...ids.keys()].sort((a, b) => hardnessOf(b) - hardnessOf(a) || a - b);
    const parts = Math.max(
      own.length,
      Math.min(leastBatches, Math.floor((members.length * length) / fewestTokens)),
    );
    const size = Math.ceil(members.length / parts);
    return Array.from({ length: Math.ceil(members.length / size) }, (_, part): Batch => {
      const some = members.slice(part * size, (part + 1) * size);
      return { members: some, length, ids: some.map((member) => ids.get(member) ?? []) };
    });
  });
  const meanOf = ({ members }: Batch) =>
    members.reduce((sum, member) => sum + hardnessOf(member), 0) / members.length;
  return sorted.sort((one, other) => meanOf(other) - meanOf(one));
}
