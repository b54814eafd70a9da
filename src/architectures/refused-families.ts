/** Families that people will try and Pith can't read, with what is missing: a name alone would not tell why. */
export const refusedFamilies: ReadonlyMap<string, string> = new Map(
  ["olmo2", "olmo3"].map((type) => [
    type,
    "is not read: its queries and keys are normalised over all heads together, so a head that is pruned still counts in the others' norm, and Pith's circuits can't say that",
  ]),
);
