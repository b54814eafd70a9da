/**
 * Finds stages that several uppers, or several choices of one layer, share, so that they are loaded and run once.
 */
import type { KeptPart } from "../../lowering/kept-part.ts";
import type { Constant } from "../constant.ts";
import type { PlacedStage, Upper } from "./upper.ts";

/** One of several uppers, or the rest of it above the stages that have run. */
export interface Entry {
  readonly index: number;
  readonly rest: Upper;
}

/**
 * Groups entries whose lowest stage would do the same to the same residual stream; an entry without a stage is
 * alone.
 */
export function byLowest(
  entries: readonly Entry[],
): readonly { readonly lowest: PlacedStage | undefined; readonly sharing: readonly Entry[] }[] {
  const clusters: { lowest: PlacedStage | undefined; sharing: Entry[] }[] = [];
  for (const entry of entries) {
    const [lowest] = entry.rest.parts;
    const known = clusters.find(
      (cluster) =>
        lowest !== undefined &&
        cluster.lowest?.stage.session === lowest.stage.session &&
        lowest.constants.every((constant, at) => equalConstants(constant, cluster.lowest?.constants[at])),
    );
    if (known === undefined) clusters.push({ lowest, sharing: [entry] });
    else known.sharing.push(entry);
  }
  return clusters;
}

export const withoutLowest = ({ index, rest }: Entry): Entry => ({
  index,
  rest: { ...rest, parts: rest.parts.slice(1) },
});

function equalConstants(one: Constant, other: Constant | undefined): boolean {
  return one === other || one.values.every((value, at) => value === other?.values[at]);
}

/**
 * Whether two stages of one trial would be equal: its own parts differ only in their heads; those above are
 * shared.
 */
export function sameParts(these: readonly KeptPart[], those: readonly KeptPart[]): boolean {
  return (
    these.length === those.length &&
    these.every((part, index) => {
      const other = those[index];
      if (index > 0 || other === undefined) return part === other;
      if (part.kind === "mlp" || other.kind === "mlp") return part.kind === other.kind;
      const sameHeads = part.attention.heads.join() === other.attention.heads.join();
      return part.kind === other.kind && sameHeads && part.queries === other.queries;
    })
  );
}
