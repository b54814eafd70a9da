/** A bound of a run's memory from beginning to end (Node): the plan, the folder for what does not fit, and its end. */
import { openSpillFolder } from "../../files/spill-folder.ts";
import { peakMemory } from "../../runtime/peak-memory.ts";
import type { Room } from "../../runtime/room.ts";
import type { EncodedTask } from "../../tasks/encode-task.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { OnEvent } from "../events.ts";
import type { MemoryExtras } from "./estimate-memory.ts";
import { largerOf, memorySizes, promptSizes } from "./memory-sizes.ts";
import { type MemoryPlan, memoryNote, planMemory, roomOf } from "./plan-memory.ts";

interface MemoryOptions extends MemoryExtras {
  /** In bytes. */
  readonly bound: number;
  readonly means: "aligned" | "pooled";
  readonly ablation: "mean" | "zero";
  readonly onEvent: OnEvent | undefined;
}

/** A run whose memory is bounded. */
export interface BoundedMemory {
  readonly room: Room;
  /** The plan, with what happened: to be called at the end. */
  record(): MemoryRecord;
  /** Removes the folder for what did not fit. */
  close(): Promise<void>;
}

/** The plan of a run with a bound of its memory, and what it took in the end. All sizes are in bytes. */
export interface MemoryRecord extends MemoryPlan {
  /** The peak of the process's resident memory. */
  readonly peak: number;
  /** What was written to the disk and read from it. */
  readonly moved: {
    /** Bytes that were written. */
    readonly written: number;
    /** Bytes that were read back. */
    readonly read: number;
  };
}

/**
 * Plans a run on some tasks, one after another, and tells the plan as a note. @throws PithError "options" when the
 * bound is too small.
 */
export function planRun(
  model: Transformer,
  tasks: readonly EncodedTask[],
  { bound, means, ablation, onEvent, ...extras }: MemoryOptions,
): MemoryPlan {
  const prompts = tasks.map(promptSizes).reduce(largerOf);
  const rows = ablation === "mean" && means === "aligned" ? prompts.longest : 2;
  const sizes = memorySizes(model, prompts, rows);
  const plan = planMemory(sizes, extras, { bound, held: process.memoryUsage.rss() });
  onEvent?.({ kind: "note", note: memoryNote(plan, sizes) });
  return plan;
}

/** @param output the folder that the run makes: what does not fit goes beside it. @throws PithError "output". */
export async function boundMemory(plan: MemoryPlan, output: string): Promise<BoundedMemory> {
  const spill = plan.spill === undefined ? undefined : await openSpillFolder(output);
  return {
    room: roomOf(plan, spill),
    record: () => ({ ...plan, peak: peakMemory(), moved: spill?.traffic() ?? { written: 0, read: 0 } }),
    close: async () => spill?.close(),
  };
}
