/**
 * SentencePiece's BPE has scores and no list of merges: of all pairs of neighbours that make a token, the one whose
 * token scores highest is joined. A list of merges in that order gives the same, as transformers' converter
 * (`generate_merges` of convert_slow_tokenizer.py) makes it.
 */

/** Characters of the longest token that is split into pairs; longer ones are never made of a text. */
const longest = 512;

/**
 * @param scores of each token. @param isMade whether a token comes about by merging: not those that stand for a byte or
 *   are looked for as they are.
 */
export function mergesByScore(
  tokens: readonly string[],
  scores: ArrayLike<number>,
  isMade: (id: number) => boolean,
): readonly (readonly [string, string])[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: { readonly pair: readonly [string, string]; readonly score: number; readonly ids: Ids }[] =
    [];
  for (const [id, token] of tokens.entries()) {
    if (!isMade(id) || token.length > longest) continue;
    for (let at = 1; at < token.length; at++) {
      const pair = [token.slice(0, at), token.slice(at)] as const;
      const [left, right] = [ids.get(pair[0]), ids.get(pair[1])];
      if (left !== undefined && right !== undefined)
        merges.push({ pair, score: scores[id] ?? 0, ids: [id, left, right] });
    }
  }
  return merges
    .sort((one, other) => other.score - one.score || compareIds(one, other))
    .map(({ pair }) => pair);
}

type Ids = readonly [whole: number, left: number, right: number];

function compareIds(one: { readonly ids: Ids }, other: { readonly ids: Ids }): number {
  const [[whole, left, right], [otherWhole, otherLeft, otherRight]] = [one.ids, other.ids];
  return whole - otherWhole || left - otherLeft || right - otherRight;
}
