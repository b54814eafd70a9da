/**
 * How a run keeps to a bound of memory: with the streams in memory and whole batches, if they fit; with the streams in
 * a file, if they do not; with smaller batches, if even that is too much. A run that fits in no manner is refused
 * before it begins.
 */
import { byteSizeInWords } from "../../byte-size.ts";
import { tokensAtOnce } from "../../discovery/batch.ts";
import { PithError } from "../../errors.ts";
import { defaultRowsPerPart } from "../../measure/compare.ts";
import type { Room, StreamFile } from "../../runtime/room.ts";
import {
  estimateMemory,
  type MemoryExtras,
  type MemoryManner,
  type SpillTraffic,
  spillTraffic,
} from "./estimate-memory.ts";
import type { MemorySizes } from "./memory-sizes.ts";

/** What a run with a bound of its memory was estimated to take before it began. All sizes are in bytes. */
export interface MemoryPlan {
  /** The bound. */
  readonly bound: number;
  /** The estimated peak without a spill and with whole batches. */
  readonly needed: number;
  /** The estimated peak as it is run, before any part is decided to stay. */
  readonly planned: number;
  /** The least bound that would do. */
  readonly least: number;
  /** What weights may take at the most. */
  readonly weights: number;
  /** What the weights of the circuit's file may take. */
  readonly circuit: number;
  /** What of it the parts that stay may take; a search that keeps more ends with an error. */
  readonly left: number;
  /** What goes to the disk; left out: nothing. */
  readonly spill?: SpillTraffic | undefined;
  /** How many tokens go through a layer at once. */
  readonly tokensAtOnce: number;
  /** How many rows of logits are kept at once when models are compared. */
  readonly logitRows: number;
}

/**
 * Shares of the body for which room is left, if any manner leaves so much: parts that stay usually take a third at the
 * most, and small batches are too slow to be chosen for a little more room.
 */
const sharesToLeave = [1 / 3, 1 / 10, 1 / 40, 0];

/** As without a bound, on the processor. */
const wholeBatch = tokensAtOnce({ device: "cpu", room: undefined });
const wholeRows = defaultRowsPerPart;

export function planMemory(
  sizes: MemorySizes,
  extras: MemoryExtras,
  { bound, held }: { readonly bound: number; readonly held: number },
): MemoryPlan {
  const estimate = (manner: Pick<MemoryManner, "spills" | "tokensAtOnce" | "logitRows">, ahead: boolean) =>
    estimateMemory(sizes, { ...manner, ahead }, extras, held);
  const all = mannersOf(sizes);
  const needed = estimate({ spills: false, tokensAtOnce: wholeBatch, logitRows: wholeRows }, true).peak;
  const least = Math.min(...all.map((manner) => estimate(manner, false).peak));
  const keeping = (share: number) => (manner: (typeof all)[number]) =>
    estimate(manner, false).peak + share * sizes.weights.body <= bound;
  const chosen = sharesToLeave
    .map((share) => all.find(keeping(share)))
    .find((manner) => manner !== undefined);
  if (chosen === undefined) throw tooLittle(bound, needed, least);
  const [found, ahead] = [estimate(chosen, false), estimate(chosen, true)];
  return {
    ...{ bound, needed, least },
    planned: ahead.peak <= bound ? ahead.peak : found.peak,
    weights: bound - found.rest,
    circuit: bound - found.circuit.rest,
    left: bound - found.peak,
    ...(chosen.spills && { spill: spillTraffic(sizes) }),
    tokensAtOnce: chosen.tokensAtOnce,
    logitRows: chosen.logitRows,
  };
}

/** The manners of running, the fastest first. */
function mannersOf({
  prompts,
}: MemorySizes): readonly Pick<MemoryManner, "spills" | "tokensAtOnce" | "logitRows">[] {
  const smallest = Math.min(wholeBatch, prompts.longest);
  const batches: number[] = [];
  for (let tokens = wholeBatch; tokens > smallest; tokens = Math.floor(tokens / 2)) batches.push(tokens);
  const halved = (rows: number): readonly number[] =>
    rows <= 1 ? [1] : [rows, ...halved(Math.floor(rows / 2))];
  const whole = { spills: false, tokensAtOnce: wholeBatch, logitRows: wholeRows };
  return [
    whole,
    { ...whole, spills: true },
    ...[...batches, smallest].map((tokensAtOnce) => ({ ...whole, spills: true, tokensAtOnce })),
    ...halved(wholeRows).map((logitRows) => ({ spills: true, tokensAtOnce: smallest, logitRows })),
  ];
}

/** @param streams undefined: nothing is spilled. */
export function roomOf(
  { bound, weights: weightBytes, circuit: fileBytes, tokensAtOnce, logitRows }: MemoryPlan,
  streams: StreamFile | undefined,
): Room {
  return { bound, weightBytes, fileBytes, tokensAtOnce, logitRows, streams };
}

function tooLittle(bound: number, needed: number, least: number): PithError {
  return new PithError(
    "options",
    `${byteSizeInWords(bound)} are too little: this run takes about ${byteSizeInWords(needed)}, and with streams on the disk ` +
      `and small batches still ${byteSizeInWords(least, true)}.`,
    {
      place: { field: "memory" },
      advice: `Give at least ${byteSizeInWords(least, true)}, or fewer and shorter prompts.`,
    },
  );
}

/** What the run costs, for a person, before it begins. */
export function memoryNote(
  { bound, needed, planned, left, spill, tokensAtOnce }: MemoryPlan,
  sizes: MemorySizes,
): string {
  const share = Math.min(1, Math.max(0, left) / Math.max(1, sizes.weights.body));
  const kept =
    `${byteSizeInWords(left)} are left for the parts that stay, ${(100 * share).toFixed(0)} % of the body: ` +
    "a search that keeps more ends with an error, and can be gone on with under a larger bound.";
  const batches = tokensAtOnce < wholeBatch ? ` Batches are cut to ${tokensAtOnce} tokens.` : "";
  const disk =
    spill === undefined
      ? "Nothing goes to the disk."
      : `So residual streams wait on the disk: about ${byteSizeInWords(spill.size)} at once, ${byteSizeInWords(spill.written)} written ` +
        `and ${byteSizeInWords(spill.read)} read.`;
  return `Memory: about ${byteSizeInWords(needed)} would do without a spill, and ${byteSizeInWords(bound)} are allowed. ${disk}${batches} The peak will be about ${byteSizeInWords(planned)}. ${kept}`;
}
