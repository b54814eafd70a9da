/** The readers that are left in a model, lowest first: what a walk goes over. */
import type { AnyTransformer, Attention, Block, Folded, Mlp } from "../transformer/transformer.ts";
import type { Queries } from "./attention.ts";
import { lastAttention } from "./fit-length.ts";

/**
 * A layer's heads, with the positions at which they ask (only the topmost at the last alone), or its MLP; or both,
 * where they read the same stream.
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

/** A part that asks other positions. */
export type AskingPart = Exclude<KeptPart, { readonly kind: "mlp" }>;

/** A part with the layer that it stands in. */
export type PlacedPart = KeptPart & { readonly layer: number };

/** Only the topmost heads ask at the last position alone. */
export function partsOf(model: AnyTransformer): readonly PlacedPart[] {
  const top = lastAttention(model);
  return model.blocks.flatMap((block: Block<Folded<Attention>, Folded<Mlp>>, layer) =>
    partsOfBlock(block, layer === top ? "last" : "all").map((part) => ({ ...part, layer })),
  );
}

/** @param queries where the block's heads ask. */
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

/** The constant that joins the stream before a part of a folded model reads it. */
export function residualBiasOf(part: KeptPart): Folded<Mlp>["residualBias"] {
  return part.kind === "mlp" ? part.mlp.residualBias : part.attention.residualBias;
}

/** Those that ask other positions, lowest first. */
export function askingParts(parts: readonly KeptPart[]): readonly AskingPart[] {
  return parts.filter((part) => part.kind !== "mlp");
}
