/** The readers that are left in a model, lowest first, for code that visits them in order. */
import type { AnyTransformer, Attention, Block, Folded, Mlp } from "../transformer/transformer.ts";
import type { Queries } from "./attention.ts";
import { lastAttention } from "./fit-length.ts";

/**
 * A layer's heads, with the positions of their queries (only the topmost heads have them at the last position
 * alone), or its MLP; or both, if they read the same stream.
 */
export type KeptPart =
  | HeadsPart
  | { readonly kind: "mlp"; readonly mlp: Folded<Mlp> }
  | (Omit<HeadsPart, "kind"> & { readonly kind: "both"; readonly mlp: Folded<Mlp> });

interface HeadsPart {
  readonly kind: "heads";
  readonly attention: Folded<Attention>;
  readonly queries: Queries;
}

/** A part that reads other positions. */
export type AskingPart = Exclude<KeptPart, { readonly kind: "mlp" }>;

/** A part with its layer. */
export type PlacedPart = KeptPart & { readonly layer: number };

/** Only the topmost heads have queries at the last position alone. */
export function partsOf(model: AnyTransformer): readonly PlacedPart[] {
  const top = lastAttention(model);
  return model.blocks.flatMap((block: Block<Folded<Attention>, Folded<Mlp>>, layer) =>
    partsOfBlock(block, layer === top ? "last" : "all").map((part) => ({ ...part, layer })),
  );
}

/** @param queries the positions of the queries of the block's heads. */
export function partsOfBlock(
  { attention, mlp, arrangement }: Block<Folded<Attention>, Folded<Mlp>>,
  queries: Queries,
): readonly KeptPart[] {
  if (attention !== undefined && mlp !== undefined && arrangement === "parallel")
    return [{ kind: "both", attention, mlp, queries }];
  return [
    ...(attention === undefined ? [] : [{ kind: "heads", attention, queries } as const]),
    ...(mlp === undefined ? [] : [{ kind: "mlp", mlp } as const]),
  ];
}

/** The constant that is added to the stream before a part of a folded model reads it. */
export function residualBiasOf(part: KeptPart): Folded<Mlp>["residualBias"] {
  return part.kind === "mlp" ? part.mlp.residualBias : part.attention.residualBias;
}

/** The parts that read other positions, lowest first. */
export function askingParts(parts: readonly KeptPart[]): readonly AskingPart[] {
  return parts.filter((part) => part.kind !== "mlp");
}
