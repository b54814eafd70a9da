/**
 * Circuits of the shapes that the paper found in GPT-2 small, for timing on any machine. They have the published
 * numbers of heads and MLPs; heads are drawn from the published list if there is one, the rest at random. There
 * are also prompts of the same length as the tasks' prompts, with the same number of possible words at each
 * position.
 */
import { knownCircuit, knownHeads } from "../src/known/known-circuits.ts";
import type { PromptVocabulary } from "../src/lowering/compiled.ts";
import { createRandom, type Random } from "../src/tasks/random.ts";
import { type Circuit, circuitOfLists } from "../src/transformer/circuit.ts";

export interface PublishedShape {
  readonly name: string;
  /** The known circuit from which heads are drawn. */
  readonly known: string;
  readonly heads: number;
  readonly mlps: number;
  /** The number of possible tokens at each position of a prompt. */
  readonly words: readonly number[];
  readonly answers: number;
}

// GPT-2's tokens of "The war lasted from the year 1732 to the year 17": 120 nouns, 17 centuries, 98 years.
const greaterThanWords = [1, 120, 1, 1, 1, 1, 17, 98, 1, 1, 1, 17];
// "Then, A and B went to the P. B gave a O to": 109 names, 8 places, 8 objects.
const ioiWords = [1, 1, 109, 1, 109, 1, 1, 1, 8, 1, 109, 1, 1, 8, 1];
// "<|endoftext|>The C|hief E|xecutive O|fficer (|C|E": capitals, and the remaining parts of words.
const acronymWords = [1, 1, 26, 300, 26, 300, 26, 300, 1, 26, 26];

export const publishedShapes: readonly PublishedShape[] = [
  {
    name: "greater-than",
    known: "greater-than/8",
    heads: 2,
    mlps: 3,
    words: greaterThanWords,
    answers: 98,
  },
  { name: "ioi", known: "ioi/23", heads: 10, mlps: 5, words: ioiWords, answers: 109 },
  { name: "ioi, all MLPs", known: "ioi/23", heads: 23, mlps: 12, words: ioiWords, answers: 109 },
  { name: "acronyms", known: "acronyms/8", heads: 3, mlps: 6, words: acronymWords, answers: 26 },
];

export interface Placed {
  readonly circuit: Circuit;
  readonly vocabulary: PromptVocabulary;
  /** Prompts of possible words. */
  readonly prompts: readonly (readonly number[])[];
}

/** The same seed gives the same circuit, words and prompts on any machine. */
export function place(
  shape: PublishedShape,
  {
    layers,
    vocabulary,
    prompts,
    seed,
  }: {
    readonly layers: number;
    readonly vocabulary: number;
    readonly prompts: number;
    readonly seed: number;
  },
): Placed {
  const random = createRandom(seed);
  const all = (count: number) => Array.from({ length: count }, (_, index) => index);
  const heads = knownHeads(knownCircuit(shape.known));
  const circuit: Circuit = circuitOfLists({
    heads: drawn(random, all(heads.length), shape.heads).flatMap((index) => {
      const head = heads[index];
      return head === undefined ? [] : [head];
    }),
    mlps: drawn(random, all(layers), shape.mlps),
  });
  const ids = (count: number) => drawn(random, all(vocabulary), count);
  const positions = shape.words.map(ids);
  return {
    circuit,
    vocabulary: { positions, answers: ids(shape.answers) },
    prompts: Array.from({ length: prompts }, () =>
      positions.map((tokens) => tokens[random.below(tokens.length)] ?? 0),
    ),
  };
}

/** `count` of the items, in their order (Fisher and Yates, stopped early). */
function drawn(random: Random, items: readonly number[], count: number): readonly number[] {
  const pool = [...items];
  for (let index = 0; index < count; index++) {
    const other = index + random.below(pool.length - index);
    const [here, there] = [pool[index] ?? 0, pool[other] ?? 0];
    pool[index] = there;
    pool[other] = here;
  }
  return pool.slice(0, count).sort((a, b) => a - b);
}
