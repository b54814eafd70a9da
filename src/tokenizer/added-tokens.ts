/**
 * Finds added tokens in a text before any other step: first those that are searched in the original text, then
 * those that are searched in the normalised text. This follows `AddedVocabulary` of the Rust tokenizers; the
 * JavaScript library has neither `single_word` nor that order.
 */
import type { AddedToken } from "./declared-tokens.ts";
import type { Normalizer } from "./normalizers.ts";
import type { Piece } from "./split-text.ts";

/** A part of a text: an added token, or text for the pre-tokenizer. */
export type Section =
  | { readonly kind: "token"; readonly id: number; readonly content: string }
  | ({ readonly kind: "text" } & Piece);

export type FoundToken = AddedToken & { readonly id: number };

/** Cuts a text at the added tokens, and normalises the text between them. */
export function createSectioner(
  tokens: readonly FoundToken[],
  normalizer: Normalizer,
): (text: string) => readonly Section[] {
  const plain = createFinder(
    tokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]),
  );
  const normalized = createFinder(
    tokens.filter((token) => token.normalized).map((token) => [normalizer.normalize(token.content), token]),
  );
  return (text) =>
    plain({ kind: "text", text, first: true }).flatMap((section) => {
      if (section.kind === "token") return [section];
      const first = section.first && normalizer.keepsStart(section.text);
      return normalized({ kind: "text", text: normalizer.normalize(section.text), first });
    });
}

type Finder = (section: Extract<Section, { kind: "text" }>) => readonly Section[];

/** Finds the leftmost match, and the longest of those that begin there. */
function createFinder(patterns: readonly (readonly [string, FoundToken])[]): Finder {
  const byText = new Map(patterns.filter(([text]) => text !== ""));
  if (byText.size === 0) return (section) => (section.text === "" ? [] : [section]);
  const alternatives = [...byText.keys()]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const anyToken = new RegExp(alternatives.join("|"), "gu");
  return ({ text, first }) => {
    const sections: Section[] = [];
    let at = 0;
    const pushText = (end: number) => {
      if (at < end) sections.push({ kind: "text", text: text.slice(at, end), first: first && at === 0 });
    };
    for (const { 0: match, index } of text.matchAll(anyToken)) {
      const token = byText.get(match);
      if (token === undefined) continue;
      const end = index + match.length;
      if (token.single_word && (wordCharacterBefore(text, index) || wordCharacterAt(text, end))) continue;
      const start = token.lstrip ? Math.max(at, index - spacesBefore(text, index)) : index;
      pushText(start);
      sections.push({ kind: "token", id: token.id, content: token.content });
      at = token.rstrip ? end + spacesAt(text, end) : end;
    }
    pushText(text.length);
    return sections;
  };
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

function wordCharacterAt(text: string, at: number): boolean {
  return WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

function wordCharacterBefore(text: string, end: number): boolean {
  // The slice holds the two halves of a character beyond U+FFFF, or ends in one whole character.
  return WORD.test([...text.slice(Math.max(0, end - 2), end)].at(-1) ?? "");
}

function spacesAt(text: string, at: number): number {
  let end = at;
  while (SPACE.test(text.charAt(end))) end++;
  return end - at;
}

function spacesBefore(text: string, end: number): number {
  let start = end;
  while (SPACE.test(text.charAt(start - 1))) start--;
  return end - start;
}
