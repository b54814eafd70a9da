/**
 * The Unigram model: the most likely way to divide a word into pieces. A port of `encode_optimized` of the Rust
 * tokenizers, because another order of additions decides near ties differently, as in the JavaScript library.
 */
import type { JsonObject } from "./json.ts";

type Scores = ReadonlyMap<string, number>;

/**
 * How far the log-probability of a character without a piece lies below that of the rarest piece (natural
 * logarithm).
 */
const UNKNOWN_PENALTY = 10;

/**
 * @param model checked. @param ids of the model's own tokens.
 * @returns a word's pieces; neighbouring characters without a piece form one piece, which is not in the
 * vocabulary.
 */
export function createUnigram(
  model: JsonObject,
  ids: ReadonlyMap<string, number>,
): (word: string) => readonly string[] {
  const scores: Scores = new Map(model["vocab"] as readonly (readonly [string, number])[]);
  const lengths = [...new Set([...scores.keys()].map((piece) => piece.length))].sort((a, b) => a - b);
  const unknownScore = [...scores.values()].reduce((a, b) => Math.min(a, b)) - UNKNOWN_PENALTY;
  const unknownId = model["unk_id"];
  const isUnknown = (piece: string) => !ids.has(piece) || ids.get(piece) === unknownId;
  const spell = (word: string) => joinWhere(likeliestPath(word, scores, lengths, unknownScore), isUnknown);
  if (model["byte_fallback"] !== true) return spell;
  return (word) =>
    spell(word).flatMap((piece) => {
      if (ids.has(piece)) return [piece];
      const bytes = Array.from(encoder.encode(piece), byteToken);
      return bytes.every((byte) => ids.has(byte)) ? bytes : [piece];
    });
}

const encoder = new TextEncoder();

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The best path to each place in the word: its score, and where its last piece begins. */
interface Path {
  readonly score: number;
  readonly start: number;
}

function likeliestPath(
  word: string,
  scores: Scores,
  lengths: readonly number[],
  unknownScore: number,
): readonly string[] {
  const paths = new Map<number, Path>([[0, { score: 0, start: 0 }]]);
  const offer = (start: number, end: number, pieceScore: number) => {
    const score = pieceScore + (paths.get(start)?.score ?? 0);
    const best = paths.get(end);
    if (best === undefined || score > best.score) paths.set(end, { score, start });
  };
  let start = 0;
  for (const character of word) {
    for (const length of lengths) {
      if (length === 0 || start + length > word.length) continue;
      const score = scores.get(word.slice(start, start + length));
      if (score !== undefined) offer(start, start + length, score);
    }
    if (!scores.has(character)) offer(start, start + character.length, unknownScore);
    start += character.length;
  }
  const pieces: string[] = [];
  for (let end = word.length; end > 0; ) {
    const begin = paths.get(end)?.start ?? 0;
    pieces.push(word.slice(begin, end));
    end = begin;
  }
  return pieces.reverse();
}

function joinWhere(pieces: readonly string[], test: (piece: string) => boolean): readonly string[] {
  const joined: string[] = [];
  pieces.forEach((piece, i) => {
    const before = pieces[i - 1];
    if (before !== undefined && test(before) && test(piece)) joined[joined.length - 1] += piece;
    else joined.push(piece);
  });
  return joined;
}
