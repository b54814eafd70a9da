/**
 * Where fitted constants join the residual stream. All that pruned components write between two remaining readers is one
 * constant for the second of them, so one vector before each reader is all that can be chosen; there is one where
 * something was pruned since the reader before.
 */
import { type Circuit, keepsMlp, keptHeads, keptNeurons } from "../../transformer/circuit.ts";
import type { Transformer } from "../../transformer/transformer.ts";
import type { StreamConstants } from "../gates/gate-passes.ts";

/** After the heads or the MLP of a layer: the last place before a reader. */
export interface ConstantPlace {
  readonly layer: number;
  readonly after: keyof StreamConstants;
}

/** A place that has a vector. */
export interface FittedPlace extends ConstantPlace {
  /** Which of the remaining readers it stands before, in the order in which the stream meets them. */
  readonly reader: number;
  /** All places since the reader before: what is added at any of them reaches the same reader. */
  readonly stretch: readonly ConstantPlace[];
}

/** A part of the model, or several that read the same stream. */
interface ReadingPart {
  readonly place: ConstantPlace;
  /** Whether some of it stays, and reads. */
  readonly reads: boolean;
  /** Whether some of it was pruned. */
  readonly pruned: boolean;
}

/** @param model an original model. @returns in the order in which the stream meets them; the last reader is the unembedding. */
export function constantPlaces(model: Transformer, circuit: Circuit): readonly FittedPlace[] {
  const places: FittedPlace[] = [];
  let reader = 0;
  let stretch: ConstantPlace[] = [];
  let pruned = false;
  const readHere = () => {
    const before = stretch.at(-1);
    if (pruned && before !== undefined) places.push({ ...before, reader, stretch });
    pruned = false;
    stretch = [];
    reader++;
  };
  for (const part of readingParts(model, circuit)) {
    if (part.reads) readHere();
    pruned ||= part.pruned;
    stretch.push(part.place);
  }
  readHere();
  return places;
}

function readingParts(model: Transformer, circuit: Circuit): readonly ReadingPart[] {
  return model.blocks.flatMap(({ attention, mlp, arrangement }, layer) => {
    const kept = keptHeads(circuit, layer).length;
    const neurons = keptNeurons(circuit, layer);
    const heads = { reads: kept > 0, pruned: kept < (attention?.heads.length ?? 0) };
    const ofMlp = {
      reads: keepsMlp(circuit, layer),
      pruned: mlp !== undefined && (!keepsMlp(circuit, layer) || neurons !== "all"),
    };
    const afterMlp: ConstantPlace = { layer, after: "mlps" };
    if (arrangement === "parallel")
      return [{ place: afterMlp, reads: heads.reads || ofMlp.reads, pruned: heads.pruned || ofMlp.pruned }];
    return [
      { place: { layer, after: "heads" }, ...heads },
      { place: afterMlp, ...ofMlp },
    ];
  });
}

/** Vectors of a model's width, one for each place, as what is added after each part; zeros elsewhere. */
export function spreadConstants(
  { blocks, width }: Pick<Transformer, "blocks" | "width">,
  places: readonly ConstantPlace[],
  values: Float64Array,
): StreamConstants {
  const constants = noConstants({ blocks, width });
  for (const [at, { layer, after }] of places.entries())
    constants[after][layer]?.set(values.subarray(at * width, (at + 1) * width));
  return constants;
}

/** The inverse of `spreadConstants`. */
export function gatherConstants(places: readonly ConstantPlace[], constants: StreamConstants): Float64Array {
  return oneAfterAnother(places.map(({ layer, after }) => constants[after][layer] ?? new Float64Array()));
}

/** What vectors after any parts are worth before each fitted reader: the sum over its stretch. */
export function joinConstants(places: readonly FittedPlace[], constants: StreamConstants): Float64Array {
  return oneAfterAnother(
    places.map(({ stretch }) =>
      stretch
        .map(({ layer, after }) => constants[after][layer] ?? new Float64Array())
        .reduce((sum, own) => sum.map((value, at) => value + (own[at] ?? 0))),
    ),
  );
}

function oneAfterAnother(each: readonly Float64Array[]): Float64Array {
  const width = each[0]?.length ?? 0;
  const values = new Float64Array(each.length * width);
  for (const [at, own] of each.entries()) values.set(own, at * width);
  return values;
}

/** Zeros after every part. */
export function noConstants({ blocks, width }: Pick<Transformer, "blocks" | "width">): StreamConstants {
  const zeros = () => blocks.map(() => new Float64Array(width));
  return { heads: zeros(), mlps: zeros() };
}
