/**
 * Rules for a vocabulary: every token has one id, every id one token, the model's own ids have no holes, and
 * merges use only tokens of the vocabulary.
 */
import { z } from "zod";
import { PithError } from "../errors.ts";
import { quote, showValue } from "../printable.ts";
import { isObject } from "./json.ts";
import { tokenizerError } from "./tokenizer-error.ts";

/** No real vocabulary has ids above this; the limit keeps sparse arrays and sums small. */
const HIGHEST_ID = 2 ** 24;
export const tokenId = z.int().min(0).max(HIGHEST_ID);

/** @throws PithError "tokenizer" when `value` can't be the id of `token`. */
export function tokenIdOf(value: unknown, token: string, file: string, field = ""): number {
  const id = tokenId.safeParse(value);
  if (id.success) return id.data;
  const message = `the id of ${quote(token)} is ${showValue(value)}, not a whole number from 0 to ${HIGHEST_ID}`;
  throw tokenizerError(file, field, message);
}

/**
 * A vocabulary {token: id} whose ids must be 0 … n−1, each once.
 * @param elsewhere ids that may be left out, because added tokens have them.
 * @throws PithError "tokenizer" that names the token and the id.
 */
export function checkDense(
  vocabulary: unknown,
  file: string,
  field: string,
  elsewhere: ReadonlySet<number> = new Set(),
): ReadonlyMap<string, number> {
  if (!isObject(vocabulary)) throw tokenizerError(file, field, "expected an object of token: id");
  const ids = new Map<string, number>();
  const owners = new Map<number, string>();
  for (const [token, value] of Object.entries(vocabulary)) {
    const id = tokenIdOf(value, token, file, field);
    const owner = owners.get(id);
    if (owner !== undefined) {
      throw tokenizerError(file, field, `${quote(owner)} and ${quote(token)} have the same id ${id}`);
    }
    owners.set(id, token);
    ids.set(token, id);
  }
  if (ids.size === 0) throw tokenizerError(file, field, "has no tokens");
  const highest = [...owners.keys()].reduce((a, b) => Math.max(a, b), 0);
  for (let id = 0; id < highest; id++) {
    if (owners.has(id) || elsewhere.has(id)) continue;
    const message = `ids go up to ${highest}, but no token has the id ${id}.`;
    throw tokenizerError(file, field, message, "The file is damaged or cut short.");
  }
  return ids;
}

/**
 * Joins added tokens and the model's own. A gap before an added token is normal, because ids are reserved, so
 * only the model's own ids must be without holes.
 */
export function uniteIds(
  modelIds: ReadonlyMap<string, number>,
  addedTokens: readonly { readonly id: number; readonly content: string }[],
  file: string,
): { readonly ids: ReadonlyMap<string, number>; readonly vocabularySize: number } {
  const ids = new Map(modelIds);
  const owners = new Map([...modelIds].map(([token, id]) => [id, token]));
  let highest = [...modelIds.values()].reduce((a, b) => Math.max(a, b), 0);
  addedTokens.forEach(({ id, content }, i) => {
    const field = `added_tokens.${i}`;
    const known = ids.get(content);
    if (known !== undefined && known !== id) {
      throw tokenizerError(file, field, `${quote(content)} has the id ${id} here and ${known} elsewhere`);
    }
    const owner = owners.get(id);
    if (owner !== undefined && owner !== content) {
      throw tokenizerError(file, field, `the id ${id} of ${quote(content)} belongs to ${quote(owner)}`);
    }
    ids.set(content, id);
    owners.set(id, content);
    highest = Math.max(highest, id);
  });
  return { ids, vocabularySize: highest + 1 };
}

/** Two non-empty strings. */
export function isPair(value: unknown): value is readonly [string, string] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((part) => typeof part === "string" && part !== "")
  );
}

/** @throws PithError "tokenizer" at `place` when a merge's parts, or their result, are not tokens. */
export function checkMerge(
  [left, right]: readonly [string, string],
  ids: ReadonlyMap<string, number>,
  place: PithError["place"],
): void {
  for (const token of [left, right, left + right]) {
    if (ids.has(token)) continue;
    throw new PithError(
      "tokenizer",
      `the merge ${quote(`${left} ${right}`)} needs ${quote(token)}, which is not in the vocabulary.`,
      { place, advice: "Vocabulary and merges must come from the same tokenizer." },
    );
  }
}
