/** Decides how many units of a sweep run at a time, and how many threads each has (Node). */

import { availableParallelism, freemem, totalmem } from "node:os";
import { searchThreads } from "../jobs/choose-threads.ts";
import { countParameters } from "../measure/parameters.ts";
import type { Transformer } from "../transformer/transformer.ts";

/** How many units of a sweep run at a time, and with how many threads. */
export interface JobShare {
  /** How many units run at a time. */
  readonly jobs: number;
  /** How many threads compute in each. */
  readonly threads: number;
}

export interface JobShareOptions {
  /** The number of units. */
  readonly units: number;
  /** The number that the user asked for; left out: as many as threads and memory allow. */
  readonly jobs?: number | undefined;
  /** Threads of all jobs together; left out: one for each core, but no more in a job than its work can use. */
  readonly threads?: number | undefined;
  /** Bytes of memory that may be used. */
  readonly memory?: number;
}

/** A search's peak memory relative to its weights in float32, as `npm run bench -- search` measures it. */
const PEAK_BY_WEIGHTS = 2.4;
/** Memory of an engine with its thread, activations and a unit's logits, without the weights. Bytes. */
const BASE = 300e6;

/**
 * Gives each job one thread, as far as memory allows: units share nothing, so they scale better than one matrix
 * product over several threads.
 */
export function shareOut(
  model: Transformer,
  { units, jobs, threads: asked, memory = availableMemory() }: JobShareOptions,
): JobShare {
  const threads = asked ?? availableParallelism();
  const each = BASE + PEAK_BY_WEIGHTS * 4 * countParameters(model).total;
  const most = Math.max(1, Math.min(units, jobs ?? Math.min(threads, Math.floor((0.8 * memory) / each))));
  const fair = Math.max(1, Math.floor(threads / most));
  return { jobs: most, threads: asked === undefined ? Math.min(fair, searchThreads(model, threads)) : fair };
}

/** Free memory of the machine or of the container, whichever is less. */
function availableMemory(): number {
  const limit = process.constrainedMemory();
  const free = freemem();
  // Without a limit, Node gives 0 or a number far above all memory.
  return limit > 0 && limit < totalmem() ? Math.min(free, limit - process.memoryUsage.rss()) : free;
}
