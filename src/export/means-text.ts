/** In words: which means took the place of what a circuit prunes. */
import type { Sink } from "../discovery/first-position.ts";
import type { CircuitFile } from "./circuit-file.ts";

/** "pooled means", or "pooled means, the first position apart". */
export function meansText({
  means,
  firstPosition,
}: Pick<CircuitFile["replacement"], "means" | "firstPosition">): string {
  return `${means} means${firstPosition === "apart" ? ", the first position apart" : ""}`;
}

/** How far the first position stands out of the stream. */
export function sinkText({ layer, ratio }: Sink): string {
  return `behind layer ${layer} its residual norm is ${ratio.toPrecision(3)} times the others'`;
}

/** Said when that decides that it is treated apart. */
export function sinkNote(sink: Sink): string {
  return `The first position is an attention sink: ${sinkText(sink)}. It has means of its own (--first-position same treats it as all others).`;
}
